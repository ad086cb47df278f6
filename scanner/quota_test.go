package scanner

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// Buffers that share a quota go to disk when memory is used up, fail when the disk's share is, and give everything back.
func TestQuota(t *testing.T) {
	var q Quota
	q.SetLimits(1000, 5000)
	spool := Spool{Dir: t.TempDir(), Memory: 800, Max: 1 << 20, Quota: &q}
	first, second, third := spool.NewBuffer(), spool.NewBuffer(), spool.NewBuffer()
	write := func(b *Buffer, n int) error {
		_, err := b.Write(bytes.Repeat([]byte("x"), n))
		return err
	}
	if err := errors.Join(write(first, 700), write(second, 200), write(third, 200)); err != nil {
		t.Fatal(err)
	}
	if c := q.Counters(); c.Memory != 900 || c.Disk != 200 || c.SpilledEarly != 1 {
		t.Errorf("%+v", c)
	}
	if third.file == nil || second.file != nil {
		t.Error("the third should be on disk, and it alone")
	}
	if err := write(second, 700); err != nil || second.file == nil { // beyond its own share of memory
		t.Errorf("%v", err)
	}
	if err := write(third, 4000); !errors.Is(err, ErrSpoolFull) {
		t.Errorf("got %v", err)
	}
	if got, err := io.ReadAll(third.Reader()); len(got) != 200 || err != nil {
		t.Errorf("%d octets, %v", len(got), err)
	}
	if c := q.Counters(); c.Memory != 700 || c.Disk != 1100 || c.Full != 1 {
		t.Errorf("%+v", c)
	}
	for _, b := range []*Buffer{first, second, third, third} {
		b.Close()
	}
	if c := q.Counters(); c.Memory != 0 || c.Disk != 0 {
		t.Errorf("after all are closed: %+v", c)
	}
}

// Law: whatever is written, refused and closed, nothing stays on a quota's account.
func TestQuotaBalances(t *testing.T) {
	var q Quota
	q.SetLimits(10_000, 20_000)
	spool := Spool{Dir: t.TempDir(), Memory: 4000, Max: 9000, Quota: &q}
	random := rand.New(rand.NewPCG(1, 2))
	open := make([]*Buffer, 8)
	for i := range open {
		open[i] = spool.NewBuffer()
	}
	for range 2000 {
		i := random.IntN(len(open))
		if random.IntN(10) == 0 {
			open[i].Close()
			open[i] = spool.NewBuffer()
			continue
		}
		_, _ = open[i].Write(make([]byte, random.IntN(1500))) // refused or not
		if c := q.Counters(); c.Memory > 10_000 || c.Disk > 20_000 || c.Memory < 0 || c.Disk < 0 {
			t.Fatalf("%+v", c)
		}
	}
	for _, b := range open {
		b.Close()
	}
	if c := q.Counters(); c.Memory != 0 || c.Disk != 0 {
		t.Errorf("%+v", c)
	}
}

func TestRefuseCountsAndLogs(t *testing.T) {
	b := newBench(t, nil, &seeker{})
	mail := Spool{}.NewBuffer()
	defer mail.Close()
	if _, err := mail.Write([]byte("Subject: x\r\n\r\nx\r\n")); err != nil {
		t.Fatal(err)
	}
	r := b.judge.Refuse(origin(), mail, "memory is short")
	if r.Action != Retry || r.Verdict.Class != Unscannable || r.Verdict.Cause != CauseError {
		t.Errorf("%+v", r)
	}
	if log := b.log.String(); !strings.Contains(log, `"msg":"message"`) || !strings.Contains(log, `"action":"retry"`) || !strings.Contains(log, "memory is short") {
		t.Errorf("log %s", log)
	}
	if c := b.judge.Counters(); c.Unscannable != 1 || c.Retried != 1 {
		t.Errorf("%+v", c)
	}
}
