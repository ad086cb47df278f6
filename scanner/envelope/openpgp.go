package envelope

// Packets of OpenPGP (RFC 9580 section 5) that stand at the beginning of an encrypted message.
const (
	keyPacket        = 1 // the session key, encrypted to a public key
	passphrasePacket = 3 // the same, to a passphrase
)

// isOpenPGP says whether a content that begins with head is an encrypted message in binary. It takes the packet's version and algorithms
// for granted as they are in use: a single octet would make too much of everything.
func isOpenPGP(head []byte) bool {
	if len(head) < magicSize || head[0]&0x80 == 0 {
		return false
	}
	tag, body := head[0]&0x3F, head[2:]
	if head[0]&0x40 == 0 { // the older form: tag and length of length
		lengths := head[0] & 3
		tag = tag >> 2
		if lengths == 3 {
			return false
		}
		body = head[1+1<<lengths:]
	} else if head[1] >= 192 && head[1] < 224 {
		body = head[3:]
	}
	switch tag {
	case keyPacket:
		algorithm := body[9]
		return body[0] == 3 && (algorithm >= 1 && algorithm <= 3 || algorithm == 16 || algorithm == 18 || algorithm == 25)
	case passphrasePacket:
		return body[0] == 4 && body[1] >= 1 && body[1] <= 10 && body[2] <= 4 && body[3] >= 1 && body[3] <= 14
	default:
		return false
	}
}
