package scanner

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// several is an engine that is asked about parts together, and finds payload.
type several struct {
	seeker
	broken func() // nil: it is not
	calls  [][]string
}

func (s *several) ScanAll(ctx context.Context, parts []*Part) (said []Said) {
	if s.broken != nil {
		s.broken()
	}
	var paths []string
	for _, part := range parts {
		paths = append(paths, part.Path)
		findings, err := s.Scan(ctx, part)
		said = append(said, Said{findings, err})
	}
	s.calls = append(s.calls, paths)
	return said
}

// largeText is more than togetherSize.
func largeText() string {
	return strings.Repeat("A line of a text without meaning.\r\n", togetherSize/30)
}

func words(findings []Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.String())
	}
	return all
}

// A small mail and its first part are one question to an engine that takes several, and nothing else is.
func TestTogether(t *testing.T) {
	for _, tt := range []struct {
		name, mail string
		calls      [][]string
		asked      []string
		findings   []string
	}{
		{
			"one part", "Subject: x\n\n" + payload, [][]string{{"", "1"}}, []string{"", "1"}, []string{"seeker:Needle", "seeker:Needle@1"},
		},
		{
			"two parts", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nharmless\n--b\n\n" + payload + "\n--b--\n",
			[][]string{{"", "1"}},
			[]string{"", "1", "2"},
			[]string{"seeker:Needle", "seeker:Needle@2"},
		},
		{"no part", "Content-Type: multipart/mixed; boundary=b\n\n" + payload, nil, []string{""}, []string{"seeker:Needle"}},
		{"the part is the mail", payload, nil, []string{""}, []string{"seeker:Needle", "seeker:Needle@1"}},
		{"large", "Subject: x\n\n" + payload + largeText(), nil, []string{"", "1"}, []string{"seeker:Needle", "seeker:Needle@1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &several{seeker: seeker{needle: payload}}
			v := newScanner(t, Limits{}, e).Scan(t.Context(), newMail(t, crlf(tt.mail)), true)
			if !reflect.DeepEqual(e.calls, tt.calls) {
				t.Errorf("asked together %q", e.calls)
			}
			var asked []string
			for _, a := range e.asked {
				path, _, _ := strings.Cut(a, " ")
				asked = append(asked, path)
			}
			if slices.Sort(asked); !slices.Equal(asked, tt.asked) {
				t.Errorf("asked about %q", asked)
			}
			if !slices.Equal(words(v.Findings), tt.findings) {
				t.Errorf("findings %q", v.Findings)
			}
		})
	}
}

// An engine that panics, or fails, over several parts has judged none of them.
func TestTogetherFails(t *testing.T) {
	for name, e := range map[string]*several{
		"panics": {broken: func() { panic("oh") }},
		"fails":  {seeker: seeker{fail: func(*Part) error { return errors.New("down") }}},
	} {
		t.Run(name, func(t *testing.T) {
			v := newScanner(t, Limits{}, e).Scan(t.Context(), newMail(t, crlf("Subject: x\n\nharmless")), true)
			if v.Cause != CauseError || !strings.HasPrefix(v.Detail, "engine seeker failed on the whole mail: ") {
				t.Errorf("%+v", v)
			}
		})
	}
}

// A large mail is judged while its parts are, and what is said of it comes first all the same: findings, and the detail of a cause.
func TestBeside(t *testing.T) {
	encrypted := func(where string) error { return &Obstacle{Cause: CauseEncrypted, Detail: where} }
	synctest.Test(t, func(t *testing.T) {
		engine := called{"e", func(_ context.Context, part *Part) (Findings, error) {
			time.Sleep(map[bool]time.Duration{true: 5 * time.Second, false: time.Second}[part.Path == ""])
			return Findings{{Engine: "e", Rule: "Any", Part: part.Path}}, encrypted("in " + describe(part))
		}}
		mail := newMail(t, crlf(manyParts(3))+largeText())
		s := newScanner(t, Limits{}, engine)
		v := s.Scan(t.Context(), mail, true)
		if want := []string{"e:Any", "e:Any@1", "e:Any@2", "e:Any@3"}; !slices.Equal(words(v.Findings), want) {
			t.Errorf("findings %q", words(v.Findings))
		}
		if v.Took != 5*time.Second || !slices.Equal(v.Also, []Cause{CauseEncrypted}) {
			t.Errorf("%+v", v)
		}
		v, told := s.Explain(t.Context(), mail, true)
		for i, part := range told.Parts[:4] {
			if i == 0 != (part.Path == "") || len(part.Said) != 1 || part.Said[0].Error != "in "+describe(&Part{Path: part.Path}) {
				t.Errorf("part %q: %+v", part.Path, part.Said)
			}
		}
		if len(told.Causes) != 2 || !strings.HasPrefix(told.Causes[1].Detail, "e: in the whole mail") || v.Took != 5*time.Second {
			t.Errorf("%+v, %v", told.Causes, v.Took)
		}
	})
}

// More findings than are named do not crowd out those of the whole mail.
func TestBesideMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := called{"e", func(_ context.Context, part *Part) (Findings, error) {
			if part.Path == "" {
				time.Sleep(time.Second)
				return Findings{{Engine: "e", Rule: "Whole"}}, nil
			}
			return slices.Repeat(Findings{{Engine: "e", Rule: "Part", Part: part.Path}}, maxFindings), nil
		}}
		v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, "\r\n"+largeText()), true)
		if len(v.Findings) != maxFindings || v.Findings[0].Rule != "Whole" || v.Findings[1].Rule != "Part" {
			t.Errorf("findings %q", words(v.Findings))
		}
	})
}

// A part that is the whole mail once more has what was found in that.
func TestBesideTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		engine := called{"e", func(_ context.Context, part *Part) (Findings, error) {
			asked++
			time.Sleep(time.Second)
			return Findings{{Engine: "e", Rule: "Any", Part: part.Path}}, nil
		}}
		v := newScanner(t, Limits{}, engine).Scan(t.Context(), newMail(t, largeText()), true)
		if want := []string{"e:Any", "e:Any@1"}; !slices.Equal(words(v.Findings), want) || asked != 1 {
			t.Errorf("findings %q, asked %d times", words(v.Findings), asked)
		}
	})
}

// Whatever ends a scan, no engine is at work on the mail afterwards, and what it has found counts.
func TestBesideStopped(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits Limits
		gone   time.Duration // when the caller goes; 0: never
		took   time.Duration
		found  bool
	}{
		{"parts", Limits{Parts: 1}, 0, 10 * time.Second, true},
		{"expanded", Limits{Expanded: 1}, 0, 10 * time.Second, true},
		{"time", Limits{Time: 4 * time.Second}, 0, 4 * time.Second, false},
		{"gone", Limits{}, 3 * time.Second, 3 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var working atomic.Int32
				engine := called{"e", func(ctx context.Context, part *Part) (Findings, error) {
					working.Add(1)
					defer working.Add(-1)
					select {
					case <-time.After(10 * time.Second):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					mem, _ := part.Region()
					if !bytes.Contains(mem, []byte("without meaning")) {
						t.Error("the mail is gone")
					}
					return Findings{{Engine: "e", Rule: "Any", Part: part.Path}}, nil
				}}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.gone > 0 {
					time.AfterFunc(tt.gone, cancel)
				}
				mail := newMail(t, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"+largeText()+"--b\r\n\r\n"+largeText()+"\r\n")
				v := newScanner(t, tt.limits, engine).Scan(ctx, mail, true)
				mail.Close()
				if tt.found && !slices.Equal(v.Also, []Cause{CauseBudget}) {
					t.Errorf("causes %v", v.Also)
				}
				if working.Load() > 0 || v.Took != tt.took || v.Class == Clean || slices.Contains(words(v.Findings), "e:Any") != tt.found {
					t.Errorf("%+v, %d at work", v, working.Load())
				}
			})
		})
	}
}
