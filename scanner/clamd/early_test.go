package clamd_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
)

// showIn writes content to a stream in pieces, and returns the answer. It closes the stream.
func showIn(s scanner.Stream, content []byte) (scanner.Findings, error) {
	defer s.Close()
	for random := rand.New(rand.NewPCG(1, 2)); len(content) > 0; {
		n := min(len(content), 1+random.IntN(200_000))
		if _, err := s.Write(content[:n]); err != nil {
			break
		}
		content = content[n:]
	}
	return s.Finish()
}

// What is streamed arrives as it was written, and every reply is read as it is for a part.
func TestStreamReplies(t *testing.T) {
	for _, tt := range []struct {
		reply, rule string
		cause       scanner.Cause
	}{
		{reply: "stream: OK\x00"},
		{reply: "stream: Eicar FOUND\x00", rule: "Eicar"},
		{reply: "stream: Heuristics.Encrypted.Zip FOUND\x00", cause: scanner.CauseEncrypted},
		{reply: "INSTREAM size limit exceeded. ERROR\x00", cause: scanner.CauseOversize},
		{reply: "COMMAND READ TIMED OUT\n", cause: scanner.CauseError},
		{reply: "", cause: scanner.CauseError},
	} {
		synctest.Test(t, func(t *testing.T) {
			want := bytes.Repeat([]byte("mail\n"), 150_000)
			e := newEngine(t, clamd.Config{Dial: inMemory(t, func(_ int, _ string, s server) bool {
				if s.Conn != nil {
					if got := s.stream(); !bytes.Equal(got, want) {
						t.Errorf("%d octets arrived, not %d", len(got), len(want))
					}
					if tt.reply != "" {
						s.say(tt.reply)
					}
				}
				return true
			})})
			s, err := e.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found, err := showIn(s, want)
			obstacle, _ := errors.AsType[*scanner.Obstacle](err)
			switch {
			case tt.cause == scanner.CauseError:
				if err == nil || obstacle != nil || !strings.HasPrefix(err.Error(), "clamd: unix:/test: ") {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case tt.cause != scanner.CauseNone:
				if obstacle == nil || obstacle.Cause != tt.cause {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case tt.rule == "":
				if len(found) > 0 || err != nil {
					t.Errorf("%q: %v, %v", tt.reply, found, err)
				}
			case err != nil || !slices.Equal(found, scanner.Findings{{Engine: "clamd", Rule: tt.rule}}):
				t.Errorf("%q: %v, %v", tt.reply, found, err)
			}
			lost := uint64(0)
			if tt.cause == scanner.CauseError {
				lost = 1
			}
			if c := e.Counters(); c.Early != 1 || c.EarlyLost != lost {
				t.Errorf("%q: %+v", tt.reply, c)
			}
		})
	}
}

// Mails that still arrive take half of the turns, whatever they do keep none after it, and wait for none.
func TestStreamsTakeHalfOfTheTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, clamd.Config{Parallel: 5, Dial: inMemory(t, func(_ int, _ string, s server) bool {
			if s.Conn != nil {
				s.stream()
				_, _ = s.Write([]byte("stream: OK\x00"))
			}
			return true
		})})
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			var open []scanner.Stream
			for i := range 4 {
				s, err := e.Begin(ctx)
				if (err == nil) != (i < 2) {
					t.Fatalf("stream %d: %v", i, err)
				}
				if err == nil {
					open = append(open, s)
				}
			}
			if _, err := e.Scan(t.Context(), newPart(t, []byte("part"))); err != nil {
				t.Error(err)
			}
			cancel() // as when the client has gone
			synctest.Wait()
			if _, err := open[0].Write(make([]byte, 1<<20)); err == nil {
				t.Error("nothing is called off")
			}
			if found, err := open[1].Finish(); err == nil {
				t.Errorf("a verdict: %v", found)
			}
			for _, s := range open {
				s.Close()
				s.Close()
			}
		}
		one := newEngine(t, clamd.Config{Parallel: 1})
		if _, err := one.Begin(t.Context()); err == nil {
			t.Error("the only turn is taken")
		}
	})
}

// A reply that comes before the mail is whole counts.
func TestStreamReplyBeforeTheEnd(t *testing.T) {
	e := newEngine(t, clamd.Config{Addresses: []string{hasty(t)}})
	for range 20 {
		s, err := e.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = showIn(s, make([]byte, 8<<20))
		if o, ok := errors.AsType[*scanner.Obstacle](err); !ok || o.Cause != scanner.CauseOversize {
			t.Fatalf("error %v", err)
		}
	}
}

// A real daemon says of a stream what it says of a part.
func TestStreamToRealClamd(t *testing.T) {
	c, _ := startClamd(t, strong)
	e := newEngine(t, clamd.Config{Addresses: []string{c.Address()}})
	for _, content := range [][]byte{
		make([]byte, 3<<20),
		append(make([]byte, 3<<20), scanner.Canary()...),
		append(make([]byte, 1<<16-len(scanner.Canary())), scanner.Canary()...), // one chunk, and nothing behind it
		make([]byte, 64<<20+1),
	} {
		want, wanted := e.Scan(t.Context(), newPartAt(t, "", content))
		s, err := e.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := showIn(s, content)
		if !slices.Equal(got, want) || (err == nil) != (wanted == nil) || err != nil && err.Error() != wanted.Error() {
			t.Errorf("%d octets: %v, %v and not %v, %v", len(content), got, err, want, wanted)
		}
	}
	c.Kill()
	if _, err := e.Begin(t.Context()); err == nil {
		t.Error("a stream to nobody")
	}
}
