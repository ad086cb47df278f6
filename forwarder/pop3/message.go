package pop3

import (
	"errors"
	"sync"

	"mirrorgw/scanner"
)

// held is the sink for a message that is held for its verdict: the wire form, and the content without stuffed dots as soon
// as the two differ.
type held struct {
	mu      sync.Mutex // held while it grows, so that its beginning can be read meanwhile
	spool   scanner.Spool
	wire    *scanner.Buffer
	content *scanner.Buffer // nil while equal to wire
	early   *scanner.Early  // what engines do about the content while it grows; nil: nothing
	plain   []byte          // scratch: the content of the piece at hand
	beyond  []byte          // octets taken after wire had failed
	failed  error           // what wire or content failed with
}

func hold(spool scanner.Spool) *held { return &held{spool: spool, wire: spool.NewBuffer()} }

// take implements sink.
func (h *held) take(wire []byte, dots []int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(dots) > 0 && h.content == nil {
		h.content = h.spool.NewBuffer()
		if _, err := h.wire.WriteTo(h.content); err != nil {
			return h.fail(wire, err)
		}
	}
	n, err := h.wire.Write(wire)
	if h.content != nil {
		plain := wire[:n]
		if len(dots) > 0 {
			h.plain = appendContent(h.plain[:0], plain, dots)
			plain = h.plain
		}
		if _, cerr := h.content.Write(plain); cerr != nil {
			err = cerr
		}
	}
	h.early.Grow(h.mail().Size())
	return h.fail(wire[n:], err)
}

// ReadAt implements io.ReaderAt over the content so far, for those who read it while it grows.
func (h *held) ReadAt(p []byte, at int64) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mail().ReadAt(p, at)
}

// fail takes note of err, if there is one, and of what was taken and not written.
func (h *held) fail(beyond []byte, err error) error {
	if err != nil {
		h.beyond, h.failed = append(h.beyond, beyond...), err
	}
	return err
}

// settle makes what is held fit to be read by several at once. Where that fails, only one may.
func (h *held) settle() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.wire.Flush()
	if h.content != nil {
		err = errors.Join(err, h.content.Flush())
	}
	return err == nil
}

// mail returns the content, which h keeps.
func (h *held) mail() *scanner.Buffer {
	if h.content != nil {
		return h.content
	}
	return h.wire
}

func (h *held) close() {
	h.early.Close()
	h.wire.Close()
	if h.content != nil {
		h.content.Close()
	}
}
