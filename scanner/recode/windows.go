package recode

import "bytes"

// margin is how much of a text in UTF-7 is handed out on each side of what tells that it is one, at least: characters of the decoded text, since
// shifts may hold none at all.
const margin = 64 << 10

// window is a stretch of a content.
type window struct{ from, end int64 }

// place is a place in a content.
type place struct {
	at    int64 // octets ahead of it
	chars int64 // what they are in UTF-7, in characters: octets outside of shifts, and units of UTF-16
}

// shifts looks for characters below 256 in the shifted form of UTF-7, wherever in a shift they stand: others may well be ahead of them. It
// notes the windows around them. The zero value stands at the beginning of a text.
type shifts struct {
	place
	shift bool
	bits  uint32
	n     int // of them

	recent place // outside of all shifts, as is old, which is at least margin before it or where the text begins
	old    place
	noted  []window // in the order in which they stand, none reaching into another
	until  int64    // in characters, where the last one ends; 0: it has ended
}

// find passes over the next octets of the text.
func (s *shifts) find(text []byte) {
	for len(text) > 0 {
		if !s.shift {
			plus := bytes.IndexByte(text, '+')
			if plus < 0 {
				s.plain(len(text))
				return
			}
			s.plain(plus)
			s.at++
			s.shift, s.n = true, 0
			text = text[plus+1:]
			continue
		}
		text = text[s.shifted(text):]
	}
}

// plain passes over n octets outside of shifts.
func (s *shifts) plain(n int) {
	before := s.place
	s.at += int64(n)
	s.chars += int64(n)
	if s.until > 0 && s.until <= s.chars {
		s.end(before.at + s.until - before.chars)
	}
	for s.chars-s.recent.chars >= margin {
		behind := max(s.recent.chars+margin-before.chars, 0)
		s.old, s.recent = s.recent, place{before.at + behind, before.chars + behind}
	}
}

// shifted passes over the octets that text, which is not empty, begins with in a shift, the one that ends it included, and returns how many
// they are.
func (s *shifts) shifted(text []byte) int {
	for i, c := range text {
		v := digit(c)
		if v < 0 {
			s.shift = false
			s.at++
			if c != '-' {
				s.chars++
			}
			return i + 1
		}
		s.at++
		s.bits = s.bits<<6 | uint32(v)
		if s.n += 6; s.n >= 16 {
			s.n -= 16
			s.unit(s.bits >> s.n & 0xFFFF)
		}
	}
	return len(text)
}

// unit takes one unit of UTF-16.
func (s *shifts) unit(u uint32) {
	s.chars++
	switch {
	case u > 0 && u < 256:
		if last := len(s.noted) - 1; last < 0 || s.until == 0 && s.noted[last].end < s.old.at {
			s.noted = append(s.noted, window{from: s.old.at})
		}
		s.until = s.chars + margin
	case s.until > 0 && s.until <= s.chars:
		s.end(s.at)
	}
}

// end ends the last window.
func (s *shifts) end(at int64) {
	s.noted[len(s.noted)-1].end = at
	s.until = 0
}

// windows returns the stretches of the text to hand out, at its end: none begins within a shift. Where they would be most of it, that is all
// of it.
func (s *shifts) windows() []window {
	if s.until > 0 {
		s.end(s.at)
	}
	sum := int64(0)
	for _, w := range s.noted {
		sum += w.end - w.from
	}
	if sum > s.at/2 {
		return []window{{0, s.at}}
	}
	return s.noted
}
