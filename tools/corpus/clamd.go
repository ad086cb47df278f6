package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"mirrorgw/testnet"
)

// startClamd starts a clamd of its own with one signature for each payload. Kill must follow.
func startClamd(ctx context.Context, scratch string, known []payload) (*testnet.Clamd, error) {
	var hashes, texts strings.Builder
	for _, p := range known {
		fmt.Fprintf(&hashes, "%s:%d:%s\n", p.digest(), len(p.content), p.name)
		fmt.Fprintf(&texts, "%s:0:0:%s\n", p.name, hex.EncodeToString([]byte(p.content)))
	}
	folder := filepath.Join(scratch, "clamd")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	c, err := testnet.NewClamd(folder, "AlertExceedsMax yes\nAlertEncrypted yes\n", map[string]string{"corpus.hsb": hashes.String(), "corpus.ndb": texts.String()})
	if err != nil {
		return nil, err
	}
	return c, c.Start(ctx)
}

// askClamd has a clamd read the mails in folder, and returns the ids of those in which it finds something.
func askClamd(ctx context.Context, clamd *testnet.Clamd, folder string) (found map[string]bool, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(clamd.Address(), "unix:"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
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
