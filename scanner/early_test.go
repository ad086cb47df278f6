package scanner

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// watcher is a Streamer that finds payload, as a seeker does, and can fail at any point of a stream.
type watcher struct {
	seeker
	begin, write, finish error
	slow                 time.Duration // for each write
	verdict              time.Duration // until Finish answers

	mu     sync.Mutex
	opened int // streams that are open
	shown  [][]byte
}

type watching struct {
	w    *watcher
	ctx  context.Context
	text []byte
}

func (w *watcher) Begin(ctx context.Context) (Stream, error) {
	if w.begin != nil {
		return nil, w.begin
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened++
	return &watching{w: w, ctx: ctx}, nil
}

func (s *watching) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
	}
}

func (s *watching) Write(p []byte) (int, error) {
	if s.wait(s.w.slow); s.w.write != nil {
		return 0, s.w.write
	}
	s.text = append(s.text, p...)
	return len(p), nil
}

func (s *watching) Finish() (Findings, error) {
	s.wait(s.w.verdict)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.shown = append(s.w.shown, s.text)
	switch {
	case s.w.write != nil:
		return nil, s.w.write
	case s.w.finish != nil:
		return nil, s.w.finish
	case bytes.Contains(s.text, []byte(payload)):
		return Findings{{Engine: "seeker", Rule: "Early"}}, nil
	}
	return nil, s.ctx.Err()
}

func (s *watching) Close() error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.opened--
	return nil
}

// growing is a mail that arrives.
type growing struct {
	mu sync.Mutex
	*Buffer
}

func (g *growing) ReadAt(p []byte, at int64) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Buffer.ReadAt(p, at)
}

func (g *growing) add(t *testing.T, e *Early, text []byte) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.Write(text); err != nil {
		t.Fatal(err)
	}
	e.Grow(g.Size())
}

// arrive has a mail arrive in pieces, pause apart, and judges it.
func arrive(t *testing.T, ctx context.Context, s *Scanner, mail []byte, pause time.Duration) Verdict {
	t.Helper()
	g := &growing{Buffer: Spool{}.NewBuffer()}
	defer g.Buffer.Close()
	e := s.Early(ctx, g)
	defer e.Close()
	for random := rand.New(rand.NewPCG(1, 2)); len(mail) > 0; {
		n := min(len(mail), 1+random.IntN(100_000))
		g.add(t, e, mail[:n])
		mail = mail[n:]
		time.Sleep(pause)
	}
	g.mu.Lock()
	err := g.Flush()
	g.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	g.Arrived(e)
	return s.Scan(ctx, g.Buffer, true)
}

// largeMail is a mail of one part.
func largeMail(size int, end string) []byte {
	return []byte("Subject: x\r\n\r\n" + strings.Repeat("0123456789abcdef0123456789abcdef0123456789abcdef\r\n", size/50) + end)
}

// An engine that can is shown a large mail octet for octet as it comes, its answer counts, and it is not asked about it again; in every
// other case it is asked as ever.
func TestEarly(t *testing.T) {
	lost := errors.New("lost")
	for _, tt := range []struct {
		name  string
		w     *watcher // nil: one without a fault
		size  int
		pause time.Duration
		early bool // it has seen all of it before
		class Class
		cause Cause
	}{
		{name: "clean", size: 3 << 20, early: true, class: Clean},
		{name: "infected", size: 3 << 20, early: true, class: Infected, cause: CauseInfected},
		{name: "small", size: 100_000, class: Infected, cause: CauseInfected},
		{name: "no turn", w: &watcher{begin: lost}, size: 1 << 20, class: Infected, cause: CauseInfected},
		{name: "lost meanwhile", w: &watcher{write: lost}, size: 1 << 20, class: Infected, cause: CauseInfected},
		{name: "lost at the end", w: &watcher{finish: lost}, size: 1 << 20, class: Infected, cause: CauseInfected},
		{name: "obstacle", w: &watcher{finish: &Obstacle{Cause: CauseOversize, Detail: "too long"}}, size: 1 << 20, early: true, class: Unscannable, cause: CauseOversize},
		{name: "obstacle before the end", w: &watcher{write: &Obstacle{Cause: CauseOversize, Detail: "too long"}}, size: 1 << 20, early: true, class: Unscannable, cause: CauseOversize},
		{name: "slow engine", w: &watcher{slow: time.Second}, size: 1 << 20, early: true, class: Infected, cause: CauseInfected},
		{name: "slow mail", size: 1 << 20, pause: 2 * earlyPause, class: Infected, cause: CauseInfected},
		{name: "steady mail", size: 1 << 20, pause: earlyPause / 10, early: true, class: Infected, cause: CauseInfected},
		{name: "too large", size: 5 << 20, class: Unscannable, cause: CauseOversize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := tt.w
				if w == nil {
					w = new(watcher)
				}
				s := newScanner(t, Limits{Message: 4 << 20}, w, &seeker{})
				end := payload
				if tt.class == Clean {
					end = ""
				}
				mail := largeMail(tt.size, end)
				w.needle = payload
				began := time.Now()
				v := arrive(t, t.Context(), s, mail, tt.pause)
				if tt.early && tt.cause == CauseOversize { // of the whole mail; its part was seen
					if v.Class != Infected || len(v.Also) != 1 || v.Also[0] != CauseOversize {
						t.Errorf("%+v", v)
					}
				} else if v.Class != tt.class || v.Cause != tt.cause {
					t.Errorf("%+v", v)
				}
				wanted := Finding{Engine: "seeker", Rule: map[bool]string{true: "Early", false: "Needle"}[tt.early]} // in the whole mail
				if tt.class == Infected && !slices.Contains(v.Findings, wanted) {
					t.Errorf("findings %v", v.Findings)
				}
				if tt.early && w.write == nil && (len(w.shown) != 1 || !bytes.Equal(w.shown[0], mail)) {
					t.Errorf("%d streams, or other octets", len(w.shown))
				}
				asked := 0
				for _, a := range w.asked {
					if strings.HasPrefix(a, "   ") {
						asked++
					}
				}
				if want := map[bool]int{true: 0, false: 1}[tt.early || tt.name == "too large"]; asked != want {
					t.Errorf("asked about the whole mail %d times", asked)
				}
				if w.opened != 0 {
					t.Errorf("%d streams are open", w.opened)
				}
				if tt.pause == 0 && w.slow == 0 && time.Since(began) > 0 {
					t.Errorf("it took %v", time.Since(began))
				}
			})
		})
	}
}

// Whoever receives the mail waits for no engine, and a client that goes takes the engines off it.
func TestEarlyNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{slow: time.Hour}
		s := newScanner(t, Limits{}, w)
		g := &growing{Buffer: Spool{}.NewBuffer()}
		defer g.Buffer.Close()
		ctx, cancel := context.WithCancel(t.Context())
		e := s.Early(ctx, g)
		began := time.Now()
		for range 50 {
			g.add(t, e, make([]byte, earlyChunk))
			synctest.Wait()
		}
		cancel()
		e.Close()
		e.Close()
		if time.Since(began) > 0 || w.opened != 0 {
			t.Errorf("waited %v, %d streams are open", time.Since(began), w.opened)
		}
	})
}

// An engine that hangs over its stream hangs as one does that was asked.
func TestEarlyHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{verdict: time.Hour}
		s := newScanner(t, Limits{Time: time.Minute}, w)
		v := arrive(t, t.Context(), s, largeMail(1<<20, ""), 0)
		if v.Class != Unscannable || v.Cause != CauseError || v.Took != time.Minute {
			t.Errorf("%+v", v)
		}
	})
}

// Where no engine looks early there is nothing to do.
func TestNoEarly(t *testing.T) {
	s := newScanner(t, Limits{}, &seeker{needle: payload})
	if e := s.Early(t.Context(), strings.NewReader("")); e != nil {
		t.Fatal("something to do")
	}
	var e *Early
	e.Grow(10 << 20)
	e.Close()
	b := newMail(t, "\r\n"+payload)
	b.Arrived(e)
	if v := s.Scan(t.Context(), b, true); v.Class != Infected {
		t.Errorf("%+v", v)
	}
}
