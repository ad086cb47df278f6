package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// bundle is all there is to know of one mail in quarantine, as a tar archive: the evidence for whoever is to look at it.
type bundle struct {
	item    quarantine.Item
	mail    *scanner.Buffer
	flow    []byte          // pcapng; nil where there is none
	verdict scanner.Verdict // of today
	told    *scanner.Explanation
	policy  scanner.Policy
	made    time.Time
}

// exportBundle writes the bundle of the mail id.
func (p *program) exportBundle(c *cli.Context, id string) error {
	recipients, err := ageRecipients(c.StringSlice("age"))
	if err != nil {
		return err
	}
	cfg, err := settings(c)
	if err != nil {
		return err
	}
	b, err := p.newBundle(c.Context, cfg, id)
	if err != nil {
		return err
	}
	defer b.mail.Close()
	write := func(w io.Writer) error { return b.writeTo(c.Context, w, recipients) }
	if name := c.String("output"); name == "" || name == toStandardOutput {
		err = write(p.stdout)
	} else {
		err = writeNew(name, write)
	}
	if err != nil {
		return fmt.Errorf("exporting %s: %w", id, err)
	}
	if sum := hex.EncodeToString(b.verdict.SHA256[:]); sum != b.item.SHA256 {
		return errChanged(id)
	}
	return nil
}

// ageRecipients reads public keys of age. Errors: one that is none.
func ageRecipients(keys []string) ([]age.Recipient, error) {
	var all []age.Recipient
	for _, key := range keys {
		one, err := age.ParseRecipients(strings.NewReader(key))
		if err != nil {
			return nil, usagef("quarantine export: --age %s is no public key of age: write one such as age1…, as age-keygen prints it", quote(scanner.Printable(key, maxShown)))
		}
		all = append(all, one...)
	}
	return all, nil
}

// newBundle reads the mail id and has it judged once more, by the rules of today, to know where they match. The caller closes its mail.
func (p *program) newBundle(ctx context.Context, cfg *config.Config, id string) (_ *bundle, err error) {
	folder := quarantine.At(cfg.Quarantine.Dir)
	b := &bundle{policy: cfg.Scan.Policy, made: time.Now()}
	if b.item, err = folder.Get(id); err != nil {
		return nil, quarantineError(err)
	}
	if b.item.Flow > 0 {
		if b.flow, err = folder.Flow(id); err != nil {
			return nil, quarantineError(err)
		}
	}
	engine, sc, err := p.openScanner(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	m, err := p.rooms.openMatcher(cfg.Scan.YARA.Rules)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	source, err := folder.Export(id)
	if err != nil {
		return nil, quarantineError(err)
	}
	l := letter{source: source}
	if err := l.hold(ctx, cfg.Spool); err != nil || !l.complete {
		l.close()
		return nil, fmt.Errorf("reading %s back: %w", id, cmp.Or(err, scanner.ErrTooLarge))
	}
	b.mail = l.mail
	source.Close()
	b.verdict, b.told = sc.Explain(ctx, b.mail, true, m)
	if err := ctx.Err(); err != nil {
		b.mail.Close()
		return nil, err
	}
	return b, nil
}

// writeTo writes the archive, encrypted if there is somebody to encrypt it to.
func (b *bundle) writeTo(ctx context.Context, w io.Writer, recipients []age.Recipient) error {
	if len(recipients) == 0 {
		return b.writeArchive(ctx, w)
	}
	sealed, err := age.Encrypt(w, recipients...)
	if err != nil {
		return err
	}
	if err := b.writeArchive(ctx, sealed); err != nil {
		return err
	}
	return sealed.Close()
}

// writeArchive writes the archive: a folder with a file for each thing.
func (b *bundle) writeArchive(ctx context.Context, w io.Writer) error {
	var item, session, tree, parts bytes.Buffer
	if err := errors.Join(writeJSON(&item, b.item), writeJSON(&parts, b.told)); err != nil {
		return err
	}
	for _, line := range b.item.Session {
		fmt.Fprintln(&session, printed(line))
	}
	writeExplanation(&tree, &b.verdict, b.told, b.policy)
	t := tar.NewWriter(w)
	type file struct {
		name string
		text []byte
	}
	files := []file{
		{"about.txt", b.about()},
		{"item.json", item.Bytes()},
		{"session.txt", session.Bytes()},
		{"parts.txt", tree.Bytes()},
		{"parts.json", parts.Bytes()},
	}
	if b.flow != nil {
		files = append(files, file{"flow.pcapng", b.flow})
	}
	for _, file := range files {
		if err := b.writeFile(t, file.name, int64(len(file.text)), bytes.NewReader(file.text)); err != nil {
			return err
		}
	}
	if err := b.writeFile(t, "mail.eml", b.mail.Size(), contextReader{ctx, b.mail.Reader()}); err != nil {
		return err
	}
	return t.Close()
}

func (b *bundle) writeFile(t *tar.Writer, name string, size int64, content io.Reader) error {
	err := t.WriteHeader(&tar.Header{Name: "mirrorgw-" + b.item.ID + "/" + name, Mode: 0o600, Size: size, ModTime: b.item.Time, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.Copy(t, content)
	return err
}

// about says what the bundle is, for whoever gets it.
func (b *bundle) about() []byte {
	return fmt.Appendf(nil, `Mail %s, taken out of delivery by mirrorgw at %s.
The mail is hostile: do not open mail.eml in a mail client.

item.json    what was known of it when it was taken out: whose it was, the findings, the cause
session.txt  what was said last in its session before it was taken out; without passwords
parts.txt    its parts, and where rules match in them, by the rules of %s
parts.json   the same, to be read by programs
mail.eml     the mail as it arrived; its SHA-256 is in item.json
flow.pcapng  %s

Made by mirrorgw %s.
`, b.item.ID, b.item.Time.Format(time.RFC3339), b.made.UTC().Format(time.RFC3339), b.aboutFlow(), buildOf(nil).version)
}

func (b *bundle) aboutFlow() string {
	if b.flow == nil {
		return "not there: no frames were kept (quarantine.flow)"
	}
	return "the last frames of its session, on both sides of the gateway: headers and no content"
}
