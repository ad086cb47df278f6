//go:build corpus

// Command goparsers prints "PARSER<tab>FILE" for each mail in a folder from which a Go mail parser gets a part with one of the
// digests given, line ends behind it aside. It is a module of its own: what the parsers need is none of the product's business.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emersion/go-message"
	"github.com/jhillyerd/enmime/v2"
)

// contents are what a parser extracts from one mail. A mail that it refuses is one from which it extracts nothing.
type contents func(text []byte) [][]byte

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: goparsers FOLDER SHA256…")
		os.Exit(2)
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.eml"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "goparsers:", err)
		os.Exit(1)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "goparsers:", err)
			os.Exit(1)
		}
		for _, p := range []struct {
			name    string
			extract contents
		}{{"enmime", ofEnmime}, {"go-message", ofGoMessage}, {"go-standard", ofStandard}} {
			if extracts(p.extract, text, os.Args[2:]) {
				fmt.Printf("%s\t%s\n", p.name, filepath.Base(file))
			}
		}
	}
}

// extracts reports whether one of the digests is among what extract gets from text.
func extracts(extract contents, text []byte, digests []string) (found bool) {
	defer func() {
		if recover() != nil { // a parser that crashes extracts nothing
			found = false
		}
	}()
	return slices.ContainsFunc(extract(text), func(content []byte) bool {
		for {
			sum := sha256.Sum256(content)
			if slices.Contains(digests, hex.EncodeToString(sum[:])) {
				return true
			}
			n := len(content)
			if n == 0 || content[n-1] != '\n' && content[n-1] != '\r' {
				return false
			}
			content = content[:n-1]
		}
	})
}

func ofEnmime(text []byte) (all [][]byte) {
	e, err := enmime.ReadEnvelope(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	all = append(all, []byte(e.Text), []byte(e.HTML))
	e.Root.DepthMatchAll(func(p *enmime.Part) bool {
		all = append(all, p.Content)
		return false
	})
	return all
}

func ofGoMessage(text []byte) (all [][]byte) {
	e, err := message.Read(bytes.NewReader(text))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil
	}
	_ = e.Walk(func(_ []int, e *message.Entity, err error) error {
		if e == nil {
			return err
		}
		kind, _, _ := e.Header.ContentType()
		if strings.HasPrefix(kind, "multipart/") {
			return nil
		}
		body, _ := io.ReadAll(e.Body)
		all = append(all, body)
		if kind == "message/rfc822" {
			all = append(all, ofGoMessage(body)...)
		}
		return nil
	})
	return all
}

func ofStandard(text []byte) [][]byte {
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return ofEntity(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, 0)
}

// ofEntity reads an entity as programs do that are written with the standard library alone.
func ofEntity(contentType, encoding string, body io.Reader, depth int) (all [][]byte) {
	kind, params, _ := mime.ParseMediaType(contentType)
	if strings.HasPrefix(kind, "multipart/") && depth < 100 {
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err != nil {
				return all
			}
			all = append(all, ofEntity(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1)...)
		}
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, _ := io.ReadAll(body) // what came before an error has been extracted
	if kind == "message/rfc822" && depth < 100 {
		if m, err := mail.ReadMessage(bytes.NewReader(content)); err == nil {
			all = ofEntity(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, depth+1)
		}
	}
	return append(all, content)
}
