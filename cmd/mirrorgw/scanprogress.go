package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often the line of progress is drawn.
const progressEvery = 200 * time.Millisecond

// progress is a line at the bottom of a terminal that says how far a command is. A nil one says nothing.
type progress struct {
	end    chan struct{}
	drawer sync.WaitGroup

	mu    sync.Mutex // guards what follows, and the terminal
	w     io.Writer
	text  string
	shown bool // the line is on the terminal
}

// startProgress returns the progress to be shown on w, nil when w is not a terminal. The caller stops it.
func startProgress(w io.Writer) *progress {
	if !isTerminal(w) {
		return nil
	}
	p := &progress{w: w, end: make(chan struct{})}
	p.drawer.Go(func() { // ends with stop
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.draw()
			case <-p.end:
				return
			}
		}
	})
	return p
}

// isTerminal reports whether w writes to a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// say sets the text to be shown from the next tick on. It is one line of printable characters.
func (p *progress) say(text string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = text
}

// aside calls write while the line is not there: what it writes may go to the same terminal.
func (p *progress) aside(write func()) {
	if p == nil {
		write()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	write()
}

// draw shows the line as it is now.
func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text == "" {
		return
	}
	p.clearLocked()
	fmt.Fprint(p.w, p.text)
	p.shown = true
}

// clearLocked takes the line away.
func (p *progress) clearLocked() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// stop takes the line away for good.
func (p *progress) stop() {
	if p == nil {
		return
	}
	close(p.end)
	p.drawer.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
}
