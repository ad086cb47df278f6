package scanner

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newCachingScanner returns a scanner that remembers verdicts.
func newCachingScanner(t testing.TB, size int, engines ...Engine) *Scanner {
	t.Helper()
	s, err := New(Config{Engines: engines, Cache: size})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asked returns how often an engine was asked about anything.
func asked(s *seeker) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// P34: the same mail fetched by several clients, or again and again, is judged once, and each gets the same verdict.
func TestSameContentIsJudgedOnce(t *testing.T) {
	for _, text := range []string{"Subject: x\r\n\r\nhello", infectedMail} {
		engine := &seeker{needle: payload}
		s := newCachingScanner(t, 10, engine)
		first := s.Scan(t.Context(), newMail(t, text), true)
		calls := asked(engine)
		for range 3 {
			again := s.Scan(t.Context(), newMail(t, text), true)
			if !again.Cached || first.Cached || asked(engine) != calls {
				t.Errorf("judged again: %+v, engine asked %d times, %d at first", again, asked(engine), calls)
			}
			again.Took, again.Cached = first.Took, false
			if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", first) {
				t.Errorf("got %+v, want %+v", again, first)
			}
			for i := range again.Findings {
				again.Findings[i].Rule = "changed by who got it"
			}
		}
	}
}

// D21: what a server calls the same mail is judged by its octets, and one octet makes another mail.
func TestOtherContentIsJudgedAnew(t *testing.T) {
	engine := &seeker{needle: payload}
	s := newCachingScanner(t, 10, engine)
	if v := s.Scan(t.Context(), newMail(t, "Subject: x\r\n\r\n"+strings.Repeat("a", len(payload))), true); v.Class != Clean {
		t.Fatal(v)
	}
	if v := s.Scan(t.Context(), newMail(t, "Subject: x\r\n\r\n"+payload), true); v.Class != Infected || v.Cached {
		t.Errorf("poisoned: %+v", v)
	}
}

// Only facts are remembered: an engine that is back, or a mail that was cut, is judged anew.
func TestOnlyFactsAreRemembered(t *testing.T) {
	for name, tt := range map[string]struct {
		mail     string
		complete bool
		fail     func(*Part) error
	}{
		"engine down":            {"\r\nhello", true, func(*Part) error { return errDown }},
		"infected, engine fails": {infectedMail, true, func(p *Part) error { return map[bool]error{true: errDown}[p.Path != ""] }},
		"malformed":              {"Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\r\n\r\n", true, nil},
		"incomplete":             {"\r\nhello", false, nil},
	} {
		s := newCachingScanner(t, 10, &seeker{needle: payload, fail: tt.fail})
		s.Scan(t.Context(), newMail(t, tt.mail), tt.complete)
		if v := s.Scan(t.Context(), newMail(t, tt.mail), tt.complete); v.Cached || v.Class == Clean {
			t.Errorf("%s: %+v", name, v)
		}
		if n := s.cache.order.Len(); n != 0 {
			t.Errorf("%s: %d verdicts are remembered", name, n)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	s := newCachingScanner(t, 3, &seeker{needle: payload})
	scan := func(i int) Verdict { return s.Scan(t.Context(), newMail(t, fmt.Sprintf("\r\n%d", i)), true) }
	for i := range 3 {
		scan(i)
	}
	scan(0) // asked for last
	scan(3)
	for i, want := range []bool{true, false, true, true} {
		if i == 1 {
			continue // asking would remember it
		}
		if v := scan(i); v.Cached != want {
			t.Errorf("mail %d: remembered %t", i, v.Cached)
		}
	}
	if v := scan(1); v.Cached || len(s.cache.byKey) != 3 || s.cache.order.Len() != 3 {
		t.Errorf("%+v, %d and %d entries", v, len(s.cache.byKey), s.cache.order.Len())
	}
	// A verdict of many findings would take more memory than an entry may.
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for i := range maxCachedFindings {
		parts += fmt.Sprintf("--b\r\n\r\n%d %s\r\n", i, payload)
	}
	s.Scan(t.Context(), newMail(t, parts), true)
	if v := s.Scan(t.Context(), newMail(t, parts), true); v.Cached || len(v.Findings) <= maxCachedFindings {
		t.Errorf("%d findings, remembered %t", len(v.Findings), v.Cached)
	}
}

func TestVerdictsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCachingScanner(t, 10, &seeker{})
		scan := func() bool { return s.Scan(t.Context(), newMail(t, "\r\nhello"), true).Cached }
		scan()
		time.Sleep(cacheFor - time.Nanosecond) // the bubble's clock
		if !scan() {
			t.Error("forgotten too early")
		}
		time.Sleep(time.Nanosecond)
		if scan() {
			t.Error("remembered too long, though it was asked for in between")
		}
		if !scan() {
			t.Error("not remembered anew")
		}
	})
}

// Judges count what is remembered, across a reload too, which forgets everything.
func TestCacheIsCountedAndDroppedAtReload(t *testing.T) {
	b := newBench(t, nil, &seeker{needle: payload})
	mail := newMail(t, "\r\nhello")
	config := JudgeConfig{Scanner: newCachingScanner(t, 10, &seeker{}), Keeper: b.keeper, Composer: b.composer}
	judge, err := b.judge.Successor(config)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		judge.Judge(t.Context(), origin(), mail, true)
	}
	config.Scanner = newCachingScanner(t, 10, &seeker{needle: "hello"}) // the new rules find something
	if judge, err = judge.Successor(config); err != nil {
		t.Fatal(err)
	}
	if r := judge.Judge(t.Context(), origin(), mail, true); r.Verdict.Class != Infected {
		t.Errorf("after a reload: %+v", r.Verdict)
	}
	b.judge.Judge(t.Context(), origin(), mail, true) // remembers nothing
	if c := judge.Counters(); c.CacheHits != 2 || c.CacheMisses != 2 {
		t.Errorf("%+v", c)
	}
}

func TestCacheInParallel(t *testing.T) {
	s := newCachingScanner(t, 2, &seeker{})
	done := make(chan bool)
	for range 4 {
		go func() { // ends after its mails
			defer func() { done <- true }()
			for i := range 50 {
				if v := s.Scan(t.Context(), newMail(t, fmt.Sprintf("\r\n%d", i%5)), true); v.Class != Clean {
					t.Error(v)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
}
