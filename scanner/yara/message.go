//go:build !noyara

package yara

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// kind is the first octet of a request to a worker.
type kind byte

const (
	kindScan   kind = iota + 1 // judge a content, which follows or comes as a file
	kindRules                  // compile the rules in the file that comes with it; its path follows
	kindFinish                 // try the rules and write them to the file
	kindReport                 // write to the file, as JSON, what there is to know of them
	kindLoad                   // load the rules from the file
)

// status is the first octet of an answer.
type status byte

const (
	statusDone    status = iota + 1
	statusTime           // the scan took more than its time
	statusFailed         // in words, which follow
	statusCompile        // rules do not compile: messages follow, as JSON
)

// maxWords bounds the words of an answer, in octets.
const maxWords = 1 << 10

// A request to scan is a header of scanHeader octets, the name, and the content or, of one that is in a file, where it begins there and its
// length (8 octets each). The header: kind, 1 for a file, length of the name (2 octets), nanoseconds to take at most (8).
const (
	scanHeader  = 12
	scanStretch = 16
)

// errRequest is the answer to a request that no gateway sends.
var errRequest = errors.New("not a request")

// scanRequest is a request to scan, taken apart.
type scanRequest struct {
	inFile   bool
	limit    time.Duration
	name     string
	content  []byte
	at, size int64 // of one in a file
}

// appendScan appends a request to scan.
func appendScan(b []byte, r scanRequest) []byte {
	b = append(b, byte(kindScan), 0)
	if r.inFile {
		b[len(b)-1] = 1
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.name)))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.limit))
	b = append(b, r.name...)
	if r.inFile {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.at))
		return binary.LittleEndian.AppendUint64(b, uint64(r.size))
	}
	return append(b, r.content...)
}

func parseScan(b []byte) (r scanRequest, err error) {
	if len(b) < scanHeader {
		return r, errRequest
	}
	name := int(binary.LittleEndian.Uint16(b[2:]))
	if len(b) < scanHeader+name {
		return r, errRequest
	}
	r = scanRequest{
		inFile: b[1] == 1,
		limit:  time.Duration(binary.LittleEndian.Uint64(b[4:])),
		name:   string(b[scanHeader : scanHeader+name]),
	}
	rest := b[scanHeader+name:]
	switch {
	case !r.inFile:
		r.content = rest
	case len(rest) != scanStretch:
		return r, errRequest
	default:
		r.at, r.size = int64(binary.LittleEndian.Uint64(rest)), int64(binary.LittleEndian.Uint64(rest[8:]))
	}
	return r, nil
}

// appendPlaces appends the places of rules.
func appendPlaces(b []byte, places []uint32) []byte {
	for _, p := range places {
		b = binary.LittleEndian.AppendUint32(b, p)
	}
	return b
}

// parsePlaces appends to places those in b, all of them below rules. Errors: what no honest worker writes.
func parsePlaces(places []uint32, b []byte, rules int) ([]uint32, error) {
	if len(b)%4 != 0 || len(b)/4 > maxFound {
		return nil, fmt.Errorf("an answer with %d octets of places", len(b))
	}
	for ; len(b) > 0; b = b[4:] {
		place := binary.LittleEndian.Uint32(b)
		if int64(place) >= int64(rules) {
			return nil, fmt.Errorf("an answer with rule %d of %d", place, rules)
		}
		places = append(places, place)
	}
	return places, nil
}
