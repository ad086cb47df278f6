package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// busy has the only worker of p asked about a pipe, so that other questions wait, until free is called.
func busy(t *testing.T, p *Pool) (free func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		if err := p.Ask(t.Context(), &asked{request: "file", file: r}); err != nil {
			t.Error(err)
		}
	})
	free = sync.OnceFunc(func() {
		w.Close()
		asking.Wait()
		r.Close()
	})
	t.Cleanup(free)
	until(t, "the worker to be busy", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.slots[0].held
	})
	return free
}

// put asks questions that wait together for the only worker of p, in this order, and returns what each call of AskAll said.
func put(t *testing.T, p *Pool, calls ...[]Question) [][]error {
	t.Helper()
	free := busy(t, p)
	said := make([][]error, len(calls))
	var asking sync.WaitGroup
	for i, questions := range calls {
		asking.Go(func() { said[i] = p.AskAll(t.Context(), questions) })
		until(t, "the question to wait", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.waiting) == i+1
		})
	}
	free()
	asking.Wait()
	return said
}

// one makes a call of AskAll of each request.
func one(requests ...string) (calls [][]Question) {
	for _, r := range requests {
		calls = append(calls, []Question{&asked{request: r}})
	}
	return calls
}

// inMessage returns how many requests the last message to the only worker of p held.
func inMessage(t *testing.T, p *Pool) (n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for rest := p.slots[0].process.asked; len(rest) > 0; n++ {
		var ok bool
		if _, rest, ok = cutOne(rest); !ok {
			t.Fatal("a message that is none")
		}
	}
	return n
}

// What waits goes in one message, and each question gets its own answer.
func TestTogether(t *testing.T) {
	p, tally := newPool(t, 1)
	calls := one("echo a", "echo b", "echo c")
	calls = append(calls, []Question{&asked{request: "echo d"}, &asked{request: "echo e"}})
	for i, errs := range put(t, p, calls...) {
		if errs != nil {
			t.Errorf("call %d: %v", i, errs)
		}
		for _, q := range calls[i] {
			if q := q.(*asked); q.answer != q.request {
				t.Errorf("asked %q, got %q", q.request, q.answer)
			}
		}
	}
	if n := inMessage(t, p); n != 5 {
		t.Errorf("%d in a message", n)
	}
	if c := tally.Counters(); c != (Counters{WorkersStarted: 1}) {
		t.Errorf("%+v", c)
	}
}

// A question that breaks the worker is the only one that fails, whoever was with it.
func TestCrashTogether(t *testing.T) {
	p, tally := newPool(t, 1)
	calls := one("echo a", "crash", "echo b")
	calls = append(calls, []Question{&asked{request: "echo c"}, &asked{request: "crash"}, &asked{request: "echo d"}})
	said := put(t, p, calls...)
	if said[0] != nil || said[2] != nil || said[1] == nil || !errors.Is(said[1][0], errEnded) {
		t.Errorf("%v", said)
	}
	if own := said[3]; own == nil || own[0] != nil || !errors.Is(own[1], errEnded) || own[2] != nil {
		t.Errorf("%v", own)
	}
	for _, q := range []Question{calls[0][0], calls[2][0], calls[3][0], calls[3][2]} {
		if q := q.(*asked); q.answer != q.request {
			t.Errorf("asked %q, got %q", q.request, q.answer)
		}
	}
	if c := tally.Counters(); c.WorkersCrashed != 3 || c.AskedAgain != 6 || c.WorkersLate+c.AnswersRejected > 0 {
		t.Errorf("%+v", c)
	}
}

// A question that takes long keeps others waiting for so long only, and has its own time when it is alone.
func TestStallTogether(t *testing.T) {
	p, tally := newPool(t, 1)
	calls := one("echo a", "stall-unless "+t.TempDir()+"/there", "echo b")
	began := time.Now()
	for i, errs := range put(t, p, calls...) {
		if errs != nil {
			t.Errorf("%s: %v", calls[i][0].(*asked).request, errs)
		}
	}
	if took := time.Since(began); took < severalTime || took > 2*severalTime {
		t.Errorf("it took %v", took)
	}
	if c := tally.Counters(); c.WorkersLate != 1 || c.AskedAgain != 3 || c.WorkersCrashed+c.AnswersRejected > 0 {
		t.Errorf("%+v", c)
	}
}

// A worker leaves what it has no time for, or no room, and that is asked again.
func TestLeftTogether(t *testing.T) {
	for name, tt := range map[string]struct {
		requests []string
		left     uint64
	}{
		"time": {[]string{"echo a", "slow b", "echo c", "echo d"}, 2},
		"room": {[]string{"echo a", "long b", "long c", "echo d"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p, tally := newPool(t, 1)
			calls := one(tt.requests...)
			for i, errs := range put(t, p, calls...) {
				_, rest, _ := strings.Cut(tt.requests[i], " ")
				if q := calls[i][0].(*asked); errs != nil || !strings.HasPrefix(q.answer, "echo "+rest) {
					t.Errorf("%s: %.10q, %v", q.request, q.answer, errs)
				}
			}
			if c := tally.Counters(); c != (Counters{WorkersStarted: 1, AskedAgain: tt.left}) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Whatever a worker that is in the hands of a mail sends, it is believed for no other.
func TestLiesTogether(t *testing.T) {
	honest := func(answer string) bool { return strings.HasPrefix(answer, "echo") }
	for _, lie := range []string{"send 4 echo", "send 3 lie", "torn echo"} {
		t.Run(lie, func(t *testing.T) {
			p, tally := newPool(t, 1)
			calls := one("echo a", lie, "echo b")
			for _, call := range calls {
				call[0].(*asked).want = honest
			}
			said := put(t, p, calls...)
			if said[0] != nil || said[1] == nil || said[2] != nil {
				t.Errorf("%v", said)
			}
			for _, i := range []int{0, 2} {
				if q := calls[i][0].(*asked); q.answer != q.request {
					t.Errorf("asked %q, got %q", q.request, q.answer)
				}
			}
			if c := tally.Counters(); c.AnswersRejected != 2 || c.AskedAgain != 3 || c.WorkersCrashed+c.WorkersLate > 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// A message is bounded, and nobody loses a place in the queue.
func TestGather(t *testing.T) {
	file := os.Stdin // any
	for _, tt := range []struct {
		name          string
		leads         asked
		waiting       []asked
		company, left []int
	}{
		{"all", asked{request: "a"}, []asked{{request: "b"}, {request: "c"}}, []int{0, 1}, nil},
		{"a file waits", asked{request: "a"}, []asked{{request: "b", file: file}, {request: "c"}}, []int{1}, []int{0}},
		{"a file leads", asked{request: "a", file: file}, []asked{{request: "b"}, {request: "c"}}, nil, []int{0, 1}},
		{
			"octets",
			asked{request: strings.Repeat("a", MaxRequest-3)},
			[]asked{{request: "bb"}, {request: "cc"}, {request: "d"}, {request: "e"}},
			[]int{0, 2},
			[]int{1, 3},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := new(Pool)
			all := func(questions []asked) (errands []*errand) {
				for _, q := range questions {
					e := p.newErrand()
					if err := e.load([]Question{&q}); err != nil {
						t.Fatal(err)
					}
					errands = append(errands, e)
				}
				return errands
			}
			leads, waiting := all([]asked{tt.leads})[0], all(tt.waiting)
			p.waiting = slices.Clone(waiting)
			p.gather(leads)
			pick := func(places []int) (errands []*errand) {
				for _, place := range places {
					errands = append(errands, waiting[place])
				}
				return errands
			}
			if !slices.Equal(leads.company, append([]*errand{leads}, pick(tt.company)...)) || !slices.Equal(p.waiting, pick(tt.left)) {
				t.Errorf("company %v, waiting %v", leads.company, p.waiting)
			}
		})
	}
	p := new(Pool)
	for range 3 * MaxTogether {
		e := p.newErrand()
		if err := e.load([]Question{&asked{request: "x"}, &asked{request: "y"}}); err != nil {
			t.Fatal(err)
		}
		p.waiting = append(p.waiting, e)
	}
	leads := p.waiting[0]
	p.waiting = p.waiting[1:]
	if p.gather(leads); len(leads.company) != MaxTogether/2 {
		t.Errorf("%d pairs", len(leads.company))
	}
}

func TestTooMany(t *testing.T) {
	p, _ := newPool(t, 1)
	half := strings.Repeat("x", MaxRequest/2)
	for name, questions := range map[string][]Question{
		"number": slices.Repeat([]Question{&asked{request: "echo x"}}, MaxTogether+1),
		"octets": {&asked{request: half}, &asked{request: half}, &asked{request: "x"}},
		"a file": {&asked{request: "file", file: os.Stdin}, &asked{request: "echo x"}},
		"empty":  {&asked{}},
	} {
		if errs := p.AskAll(t.Context(), questions); len(errs) != len(questions) || slices.Contains(errs, nil) {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

// A question that cannot go with others has its turn, however many of them there are.
func TestLoneQuestion(t *testing.T) {
	p, _ := newPool(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	for i := range 8 {
		asking.Go(func() {
			for ctx.Err() == nil {
				q := &asked{request: fmt.Sprintf("echo %d", i)}
				if err := p.Ask(ctx, q); err == nil && q.answer != q.request || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%q, %v", q.answer, err)
					return
				}
			}
		})
	}
	for range 50 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		q := &asked{request: "file", file: r}
		if err := p.Ask(t.Context(), q); err != nil || q.answer != "read " {
			t.Errorf("%q, %v", q.answer, err)
		}
		r.Close()
	}
}

// Who no longer wants an answer does not wait for a worker.
func TestLeave(t *testing.T) {
	p, _ := newPool(t, 1)
	free := busy(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan error)
	go func() { said <- p.Ask(ctx, &asked{request: "echo x"}) }() // ends with cancel
	until(t, "the question to wait", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.waiting) == 1
	})
	cancel()
	if err := <-said; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(p.waiting) > 0 {
		t.Error("it waits")
	}
	free()
	if err := p.Ask(t.Context(), &asked{request: "echo x"}); err != nil {
		t.Error(err)
	}
}

// Law: what cutOne takes off is what appendOne has put there, and of anything else it takes no more than there is.
func FuzzMessage(f *testing.F) {
	f.Add(appendOne(appendOne(nil, []byte("one")), []byte("another")))
	f.Add([]byte{5, 0, 0, 0, 'x'})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		var again []byte
		rest := message
		for len(rest) > 0 {
			one, behind, ok := cutOne(rest)
			if !ok {
				break
			}
			if len(one) == 0 {
				t.Fatal("a request of no octets")
			}
			again, rest = appendOne(again, one), behind
		}
		if want := message[:len(message)-len(rest)]; string(again) != string(want) {
			t.Errorf("%x is read as %x", want, again)
		}
	})
}
