package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clamdStarts bounds the wait for clamd.
const clamdStarts = 60 * time.Second

// askClamd has a clamd of its own read the mails in folder, with one signature for each payload, and returns the ids of those in
// which it finds something.
func askClamd(ctx context.Context, folder, scratch string, known []payload) (found map[string]bool, err error) {
	database := filepath.Join(scratch, "clamd")
	if err := os.Mkdir(database, 0o700); err != nil {
		return nil, err
	}
	var hashes, texts strings.Builder
	for _, p := range known {
		fmt.Fprintf(&hashes, "%s:%d:%s\n", p.digest(), len(p.content), p.name)
		fmt.Fprintf(&texts, "%s:0:0:%s\n", p.name, hex.EncodeToString([]byte(p.content)))
	}
	socket := filepath.Join(database, "clamd.ctl")
	config := "LocalSocket " + socket + "\nDatabaseDirectory " + database + "\nTemporaryDirectory " + database +
		"\nForeground yes\nAlertExceedsMax yes\nAlertEncrypted yes\nSelfCheck 0\n"
	for name, text := range map[string]string{"corpus.hsb": hashes.String(), "corpus.ndb": texts.String(), "clamd.conf": config} {
		if err := os.WriteFile(filepath.Join(database, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	clamd := exec.CommandContext(ctx, "clamd", "--config-file="+filepath.Join(database, "clamd.conf"))
	if err := clamd.Start(); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	// It ends with clamd, which is killed by cancel.
	go func() { ended <- clamd.Wait() }()
	defer func() {
		cancel()
		<-ended
	}()
	var conn net.Conn
	for deadline := time.Now().Add(clamdStarts); conn == nil; {
		select {
		case err := <-ended:
			ended <- err
			return nil, fmt.Errorf("clamd has ended: %w", err)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if conn, err = net.Dial("unix", socket); err != nil && time.Now().After(deadline) {
			return nil, err
		}
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "zCONTSCAN "+folder+"\x00"); err != nil {
		return nil, err
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		return nil, err
	}
	found = make(map[string]bool)
	for line := range strings.SplitSeq(strings.Trim(string(reply), "\x00"), "\x00") {
		path, verdict, ok := strings.Cut(line, ": ")
		switch {
		case !ok, strings.HasSuffix(verdict, " ERROR"):
			return nil, errors.New("clamd says: " + line)
		case strings.HasSuffix(verdict, " FOUND"):
			found[strings.TrimSuffix(filepath.Base(path), ".eml")] = true
		}
	}
	return found, nil
}
