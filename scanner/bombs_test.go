//go:build !noyara

package scanner_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/envelope"
	"mirrorgw/scanner/literal"
	"mirrorgw/scanner/notice"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/scanner/recode"
	"mirrorgw/scanner/yara"
	"mirrorgw/testnet"
)

// TestBombs: with all that the gateway has to open mails and the built-in rules, mails that ask for too much are over the budget within a
// second. Three times over that is too slow; once may be a machine that is busy with something else. A real ClamAV daemon, which unpacks archives by
// itself for seconds, is called off.
func TestBombs(t *testing.T) {
	mails := bombs(t)
	within := func(t *testing.T, engine scanner.Engine, mail string) {
		t.Helper()
		if took := explode(t, engine, mail, 3); took > time.Second && !raceDetector {
			t.Errorf("it took %v", took)
		}
	}
	t.Run("yara", func(t *testing.T) {
		engine, err := yara.New(yara.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer engine.Close()
		for name, mail := range mails {
			t.Run(name, func(t *testing.T) {
				within(t, engine, mail)
			})
		}
	})
	t.Run("clamd", func(t *testing.T) {
		daemon := testnet.StartClamd(t, t.TempDir(), "AlertExceedsMax yes\nAlertEncrypted yes\nStreamMaxLength 64M\nMaxFileSize 64M\n",
			map[string]string{"test.ndb": fmt.Sprintf("Eicar-Test:0:*:%x\n", scanner.Canary())})
		engine, err := clamd.New(clamd.Config{Addresses: []string{daemon.Address()}})
		if err != nil {
			t.Fatal(err)
		}
		for name, mail := range mails {
			t.Run(name, func(t *testing.T) {
				before := engine.Counters().Asked
				within(t, engine, mail)
				t.Logf("%d questions", engine.Counters().Asked-before)
			})
		}
	})
}

// bombs returns mails that ask for too much.
func bombs(t *testing.T) map[string]string {
	var parts, types, messages strings.Builder
	parts.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 20_000 {
		fmt.Fprintf(&parts, "--b\r\nContent-Type: a/b\r\n\r\npart %d\r\n", i)
	}
	for i := range 250 {
		fmt.Fprintf(&types, "Content-Type: multipart/mixed; boundary=b%[1]d\r\n\r\n--b%[1]d\r\n", i)
		messages.WriteString("Content-Type: message/rfc822\r\n\r\n")
	}
	return map[string]string{
		"20,000 parts":         parts.String(),
		"250 multiparts deep":  types.String() + "\r\nx\r\n",
		"250 messages deep":    messages.String() + "\r\nx\r\n",
		"archives of archives": attach(t, "base64", nestedArchive(t)),
	}
}

// explode has a bomb judged up to so many times, until that takes no longer than a second, and returns how long it took.
func explode(t *testing.T, engine scanner.Engine, mail string, times int) time.Duration {
	t.Helper()
	s, err := scanner.New(scanner.Config{
		Engines: []scanner.Engine{engine},
		Openers: []scanner.Opener{carve.Carver{}, envelope.Opener{}, literal.Opener{}, recode.Opener{}, archive.Opener{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	// In shadow mode nothing is kept or composed.
	judge, err := scanner.NewJudge(scanner.JudgeConfig{Scanner: s, Keeper: &quarantine.Store{}, Composer: &notice.Composer{}, Shadow: true})
	if err != nil {
		t.Fatal(err)
	}
	held := scanner.Spool{}.NewBuffer()
	defer held.Close()
	if _, err := held.Write([]byte(mail)); err != nil {
		t.Fatal(err)
	}
	var v scanner.Verdict
	for range times {
		if v = judge.Judge(t.Context(), scanner.Origin{}, held, true).Verdict; v.Took <= time.Second {
			break
		}
	}
	t.Logf("%d octets: %v, %s", len(mail), v.Took, v.Detail)
	if v.Class != scanner.Unscannable || v.Cause != scanner.CauseBudget || len(v.Also) > 0 {
		t.Errorf("%+v", v)
	}
	return v.Took
}

// nestedArchive returns an archive of sixteen archives of sixteen archives, and so on, five deep, around a file of 420 MiB of zeros.
func nestedArchive(t *testing.T) []byte {
	t.Helper()
	packed := archiveOf(t, 1, make([]byte, 1<<20), 420)
	for range 5 {
		packed = archiveOf(t, 16, packed, 1)
	}
	return packed
}

// archiveOf returns an archive of n members, each of which holds content so many times.
func archiveOf(t *testing.T, n int, content []byte, times int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		member, err := w.Create(fmt.Sprintf("lib %d.zip", i))
		for range times {
			if err == nil {
				_, err = member.Write(content)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
