package transfer

// maxLine bounds a line of uuencode or yEnc. Encoders write lines of 61 and about 130 octets; some yEnc ones reach 1,000.
const maxLine = 4096

// lineSplitter gathers the lines of a text for decoders that go by them. A line ends at LF, CR or CRLF, and is cut at maxLine.
type lineSplitter struct {
	line []byte
	take func(line []byte) // given each line without its end, which it borrows
}

func (s *lineSplitter) write(p []byte) {
	for _, c := range p {
		if c == '\n' || c == '\r' {
			s.flush()
			continue
		}
		if len(s.line) == maxLine {
			s.flush()
		}
		s.line = append(s.line, c)
	}
}

// flush hands on the line gathered so far, unless it is empty.
func (s *lineSplitter) flush() {
	if len(s.line) > 0 {
		s.take(s.line)
		s.line = s.line[:0]
	}
}
