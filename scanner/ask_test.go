package scanner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// called is an engine made of a function.
type called struct {
	name string
	scan func(ctx context.Context, part *Part) (Findings, error)
}

func (c called) Name() string { return c.name }

func (c called) Scan(ctx context.Context, part *Part) (Findings, error) { return c.scan(ctx, part) }

// late finds something in every part after a while.
func late(name string, after time.Duration) called {
	return called{name, func(_ context.Context, part *Part) (Findings, error) {
		time.Sleep(after)
		return Findings{{Engine: name, Rule: "Any", Part: part.Path}}, nil
	}}
}

// All engines are asked at once, and who is first does not show.
func TestEnginesAtOnce(t *testing.T) {
	for _, order := range [][]time.Duration{{1, 2, 3}, {3, 2, 1}, {2, 3, 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := newScanner(t, Limits{}, late("a", order[0]*time.Second), late("b", order[1]*time.Second), late("c", order[2]*time.Second))
			v := s.Scan(t.Context(), newMail(t, "\r\nhello"), true)
			var names []string
			for _, f := range v.Findings {
				names = append(names, f.String())
			}
			if want := []string{"a:Any", "b:Any", "c:Any", "a:Any@1", "b:Any@1", "c:Any@1"}; !slices.Equal(names, want) {
				t.Errorf("findings %q", names)
			}
			if v.Took != 6*time.Second { // the whole mail, and its one part: 3 s each
				t.Errorf("took %v", v.Took)
			}
		})
	}
}

// How long each answer took is told.
func TestTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		took := make(map[string][]time.Duration)
		s, err := New(Config{Engines: []Engine{late("a", time.Second), late("b", 2*time.Second)}, Took: func(engine string, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			took[engine] = append(took[engine], d)
		}})
		if err != nil {
			t.Fatal(err)
		}
		s.Scan(t.Context(), newMail(t, "\r\nhello"), true)
		if !slices.Equal(took["a"], []time.Duration{time.Second, time.Second}) || !slices.Equal(took["b"], []time.Duration{2 * time.Second, 2 * time.Second}) {
			t.Errorf("%v", took)
		}
	})
}

// What lies in the part is no failure of the engine: it is asked about every part, and its cause is the verdict's.
func TestObstacle(t *testing.T) {
	asked := 0
	engine := called{"e", func(_ context.Context, part *Part) (Findings, error) {
		if asked++; part.Path == "" {
			return nil, nil
		}
		return nil, &Obstacle{Cause: CauseEncrypted, Detail: "Heuristics.Encrypted.Zip"}
	}}
	v := newScanner(t, Limits{}, engine, &seeker{}).Scan(t.Context(), newMail(t, crlf(manyParts(10))), true)
	if v.Class != Unscannable || v.Cause != CauseEncrypted || len(v.Also) > 0 || v.Detail != "e: Heuristics.Encrypted.Zip (part 1)" {
		t.Errorf("%+v", v)
	}
	if asked != 11 {
		t.Errorf("asked %d times", asked)
	}
}

// One engine that hangs, fails or panics hides nothing that another finds, and is not asked for ever.
func TestOneEngineAtFault(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(ctx context.Context, part *Part) (Findings, error)
		said  string
	}{
		{"hangs", func(ctx context.Context, _ *Part) (Findings, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, "engine bad failed on the whole mail: context deadline exceeded"},
		{"fails", func(context.Context, *Part) (Findings, error) { return nil, errors.New("down") }, "engine bad failed on the whole mail: down"},
		{"panics", func(context.Context, *Part) (Findings, error) { panic("oh") }, "engine bad failed on the whole mail: panic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				bad := called{"bad", func(ctx context.Context, part *Part) (Findings, error) {
					asked++
					return tt.fault(ctx, part)
				}}
				for _, engines := range [][]Engine{{bad, &seeker{needle: payload}}, {&seeker{needle: payload}, bad}} {
					asked = 0
					v := newScanner(t, Limits{}, engines...).Scan(t.Context(), newMail(t, crlf(manyParts(10))+payload), true)
					if v.Class != Infected || !slices.Equal(v.Also, []Cause{CauseError}) || asked > maxFailures {
						t.Errorf("%+v, asked %d times", v, asked)
					}
					v = newScanner(t, Limits{}, engines...).Scan(t.Context(), newMail(t, "\r\nharmless"), true)
					if v.Cause != CauseError || !strings.Contains(v.Detail, tt.said) {
						t.Errorf("%+v", v)
					}
				}
			})
		})
	}
}

// An engine alone is asked without a goroutine, and costs nothing on top.
func TestAskAllocations(t *testing.T) {
	engine := called{"e", func(context.Context, *Part) (Findings, error) { return nil, nil }}
	x := &examination{scanner: newScanner(t, Limits{}, engine), ctx: t.Context(), parent: t.Context(), failures: make([]int, 1)}
	part := NewPart("1", "", "", newMail(t, "x"))
	if n := testing.AllocsPerRun(100, func() {
		if err := x.ask(part); err != nil {
			t.Error(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
