package forwarder

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// sum adds b to the ones' complement sum s (RFC 1071), eight octets at a time: a sum of wider words folds to the same 16 bits.
// b continues s at an even offset.
func sum(s uint64, b []byte) uint64 {
	var carry uint64
	for len(b) >= 32 {
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b), carry)
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b[8:]), carry)
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b[16:]), carry)
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	// The rest, padded with zeroes, is one more word.
	var last [8]byte
	copy(last[:], b)
	s, carry = bits.Add64(s, binary.BigEndian.Uint64(last[:]), carry)
	s, carry = bits.Add64(s, carry, 0)
	return s + carry
}

// fold reduces a sum to 16 bits.
func fold(s uint64) uint16 {
	s = s>>32 + s&0xffff_ffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return uint16(s)
}

// checksum returns the Internet checksum of b (RFC 1071).
func checksum(b []byte) uint16 { return ^fold(sum(0, b)) }

// sumsToNothing says whether octets that hold their own checksum are intact.
func sumsToNothing(s uint64) bool { return fold(s) == 0xffff }

// pseudoHeader returns the sum of the pseudo-header of a transport (RFC 9293 section 3.1, RFC 8200 section 8.1).
func pseudoHeader(from, to netip.Addr, protocol uint8, length int) uint64 {
	s := uint64(protocol) + uint64(length)
	if from.Is4() {
		a, b := from.As4(), to.As4()
		return s + uint64(binary.BigEndian.Uint32(a[:])) + uint64(binary.BigEndian.Uint32(b[:]))
	}
	a, b := from.As16(), to.As16()
	return sum(sum(s, a[:]), b[:])
}

// lowerTTLChecksum returns the IPv4 header checksum after the TTL went down by one, by equation 3 of RFC 1624:
// HC' = ~(~HC + ~m + m'), where m is the 16-bit word of TTL and protocol. Equation 4 of that RFC, and RFC 1141 before it, come to
// 0xffff where a full computation comes to 0.
func lowerTTLChecksum(old uint16, ttl, protocol uint8) uint16 {
	m := uint16(ttl)<<8 | uint16(protocol)
	return ^fold(uint64(^old) + uint64(^m) + uint64(m-0x0100))
}
