package worker

import "encoding/binary"

// Bounds on a message, in octets. What is longer is passed as a file.
const (
	MaxRequest = 72 << 10 // of all the requests in a message
	MaxAnswer  = 64 << 10 // of all the answers in one
)

// MaxTogether is the most requests there are in a message.
const MaxTogether = 16

// A message holds requests, or the answers to the first of them in the same order, one at least. Each stands behind its length in octets.
const (
	lengthSize     = 4 // little-endian
	requestMessage = MaxRequest + MaxTogether*lengthSize
	answerMessage  = MaxAnswer + MaxTogether*lengthSize
)

// appendOne appends a request or an answer to a message.
func appendOne(message, one []byte) []byte {
	message = binary.LittleEndian.AppendUint32(message, uint32(len(one)))
	return append(message, one...)
}

// cutOne takes the first request or answer, of at least one octet, off a message. ok is false where none stands there.
func cutOne(message []byte) (one, rest []byte, ok bool) {
	if len(message) < lengthSize {
		return nil, nil, false
	}
	n, rest := binary.LittleEndian.Uint32(message), message[lengthSize:]
	if n == 0 || int64(n) > int64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}
