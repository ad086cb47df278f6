package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"mirrorgw/scanner"
)

const (
	// fromLine begins the line that begins a mail in an mbox file (RFC 4155).
	fromLine = "From "

	// mboxPiece is how much of a line is looked at at once; a longer line comes in several pieces.
	mboxPiece = 16 << 10

	// mboxWrite is how much is gathered for one write to the spool.
	mboxWrite = 64 << 10
)

// mbox cuts an mbox file into its mails, in the mboxrd format: a mail begins with a From_ line at the start of the file or
// after a blank line, which belongs to neither mail; of a line >From , >>From  and so on one > is taken away.
type mbox struct {
	r *bufio.Reader // at a From_ line, or at the end; its buffer holds a whole From_ and a blank line
	w *bufio.Writer // reused
}

// next spools the next mail, without its From_ line. The caller owns the buffer. complete says that the spool holds all of it.
//
// Errors: io.EOF after the last mail; those of the spool, after which the next mail can be read; those of the file, after
// which io.EOF follows.
func (m *mbox) next(spool scanner.Spool) (_ *scanner.Buffer, complete bool, err error) {
	if _, err := m.r.Peek(1); err != nil {
		m.r.Reset(bytes.NewReader(nil))
		return nil, false, err
	}
	mail := spool.NewBuffer()
	if m.w == nil {
		m.w = bufio.NewWriterSize(mail, mboxWrite)
	}
	m.w.Reset(mail)
	if err := m.copy(); err != nil {
		mail.Close()
		m.r.Reset(bytes.NewReader(nil))
		return nil, false, err
	}
	err = m.w.Flush()
	if err != nil && !errors.Is(err, scanner.ErrTooLarge) {
		mail.Close()
		return nil, false, err
	}
	return mail, err == nil, nil
}

// copy copies a mail to m.w, which remembers what went wrong with writing: the mail must be read to its end all the same.
// Errors: those of reading.
func (m *mbox) copy() error {
	if err := m.skipLine(); err != nil {
		return err
	}
	var blank []byte // the blank line before this one, not written yet: it may be the one that ends the mail
	begins := true   // the next piece begins a line
	for {
		if begins && blank != nil {
			if head, _ := m.r.Peek(len(fromLine)); string(head) == fromLine {
				return nil
			}
		}
		piece, err := m.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return err
		}
		if len(piece) == 0 {
			return nil
		}
		_, _ = m.w.Write(blank)
		blank = nil
		switch {
		case !begins:
			_, _ = m.w.Write(piece)
		case string(piece) == "\n":
			blank = []byte("\n")
		case string(piece) == "\r\n":
			blank = []byte("\r\n")
		default:
			_, _ = m.w.Write(unescape(piece))
		}
		begins = err == nil
	}
}

// skipLine reads a From_ line to its end.
func (m *mbox) skipLine() error {
	for {
		_, err := m.r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}

// unescape takes one > away from the beginning of a line that had to be told from a From_ line.
func unescape(line []byte) []byte {
	if quoted := bytes.TrimLeft(line, ">"); len(quoted) < len(line) && bytes.HasPrefix(quoted, []byte(fromLine)) {
		return line[1:]
	}
	return line
}
