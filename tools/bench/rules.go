package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// enterManyRules runs the gateway with a thousand rules.
func (b *bench) enterManyRules(ctx context.Context) (leave func(context.Context) error, err error) {
	folder, err := os.MkdirTemp("", "mirrorgw-bench-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "rules.yar")
	var stop func(context.Context) error
	if err = os.WriteFile(path, []byte(rules(1000)), 0o600); err == nil {
		stop, err = b.enterGateway(ctx, "on", fmt.Sprintf("scan: {cache: 0, yara: {rules: [%s]}}\n", path))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return func(ctx context.Context) error { return errors.Join(stop(ctx), os.RemoveAll(folder)) }, nil
}

// rules makes n YARA rules of the kinds that public rule sets are made of, the same ones each time. No mail here matches one.
func rules(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		b := make([]byte, 8+random.IntN(16))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	bytes := func(n int) string {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "%02x ", random.IntN(256))
		}
		return b.String()
	}
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "rule Bench_%d {\n  strings:\n", i)
		condition := "all of them"
		switch i % 5 {
		case 0:
			fmt.Fprintf(&text, "    $a = %q\n    $b = %q nocase\n", word(), word())
			condition = "any of them"
		case 1:
			fmt.Fprintf(&text, "    $a = %q ascii wide\n    $b = %q fullword\n", word(), word())
		case 2:
			fmt.Fprintf(&text, "    $a = { %s?? ?? %s[2-8] %s}\n", bytes(6), bytes(4), bytes(4))
		case 3:
			fmt.Fprintf(&text, "    $a = /%s[0-9a-f]{4,12}%s/\n", word(), word())
		case 4:
			fmt.Fprintf(&text, "    $a = %q\n    $b = { %s}\n", word(), bytes(8))
			condition = "uint16(0) == 0x5a4d and filesize < 2MB and any of them"
		}
		fmt.Fprintf(&text, "  condition:\n    %s\n}\n", condition)
	}
	return text.String()
}
