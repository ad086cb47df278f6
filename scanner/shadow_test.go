package scanner

import (
	"bytes"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"
)

// In shadow mode every mail is delivered as it came, nothing is kept, no refusal is remembered, and what would have been done
// is counted and logged.
func TestShadow(t *testing.T) {
	for _, tt := range []struct {
		name, mail string
		incomplete bool
		down       bool
		verdict    string
		would      string
		counters   Counters
	}{
		{name: "clean", mail: "\r\nhello", verdict: "clean", would: "deliver", counters: Counters{Clean: 1, Delivered: 1}},
		{name: "infected", mail: infectedMail, verdict: "infected", would: "replace", counters: Counters{Infected: 1, Delivered: 1, ShadowReplaced: 1}},
		{name: "malformed", mail: "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 2000) + "\r\n\r\n", verdict: "unscannable", would: "tag", counters: Counters{Unscannable: 1, Delivered: 1, ShadowTagged: 1}},
		{name: "outgrew the spool", mail: "\r\nhello", incomplete: true, verdict: "unscannable", would: "tag", counters: Counters{Unscannable: 1, Delivered: 1, ShadowTagged: 1}},
		{name: "engine down", mail: "\r\nhello", down: true, verdict: "unscannable", would: "retry", counters: Counters{Unscannable: 1, Delivered: 1, ShadowRetried: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil, &seeker{needle: payload, fail: func(*Part) error {
				if tt.down {
					return errDown
				}
				return nil
			}})
			shadow, err := b.judge.Successor(JudgeConfig{
				Scanner: b.judge.scanner, Keeper: b.keeper, Composer: b.composer, Shadow: true, Now: b.judge.now, Log: slog.New(slog.NewJSONHandler(b.log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			mail := newMail(t, tt.mail)
			r := shadow.Judge(t.Context(), origin(), mail, !tt.incomplete)
			if r.Action != Deliver || r.Verdict.Class.String() != tt.verdict || r.Tag != nil || r.Notice != nil || r.ID != "" || len(b.keeper.mails) > 0 {
				t.Errorf("%+v, kept %q", r, b.keeper.mails)
			}
			if got := shadow.Counters(); got != tt.counters {
				t.Errorf("counters %+v", got)
			}
			if got := shadow.Rulings(); !maps.Equal(got, map[RulingKind]uint64{{"pop3", r.Verdict.Class, Deliver}: 1}) {
				t.Errorf("rulings %v", got)
			}
			line := b.messageLine(t)
			if line["verdict"] != tt.verdict || line["action"] != "deliver" || line["shadow"] != true || line["would"] != tt.would {
				t.Errorf("logged %v", line)
			}
			// What shadow mode has seen is no refusal.
			b.log.Reset()
			for range 3 {
				b.now = b.now.Add(time.Hour)
				shadow.Judge(t.Context(), origin(), mail, !tt.incomplete)
			}
			if r := b.judge.Judge(t.Context(), origin(), mail, !tt.incomplete); tt.down && r.Action != Retry {
				t.Errorf("after the shadow: %s", r.Action)
			}
			if !bytes.Contains(b.log.Bytes(), []byte("shadow")) {
				t.Error("not logged")
			}
		})
	}
}

// A mail that would be refused unseen is delivered in shadow mode like any other.
func TestShadowRefusesNothing(t *testing.T) {
	b := newBench(t, nil, &seeker{})
	shadow, err := b.judge.Successor(JudgeConfig{Scanner: b.judge.scanner, Keeper: b.keeper, Composer: b.composer, Shadow: true, Log: slog.New(slog.NewJSONHandler(b.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r := shadow.Refuse(origin(), newMail(t, "\r\nhello"), "memory is low")
	if c := shadow.Counters(); r.Action != Deliver || c != (Counters{Unscannable: 1, Delivered: 1, ShadowRetried: 1}) {
		t.Errorf("%s, %+v", r.Action, c)
	}
	if line := b.messageLine(t); line["cause"] != "error" || line["detail"] != "memory is low" || line["action"] != "deliver" || line["would"] != "retry" {
		t.Errorf("logged %v", line)
	}
}
