package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"mirrorgw/scanner"
)

// standardInput is the PATH that means it.
const standardInput = "-"

// maxFolders bounds how deep folders are nested below a PATH. Each level costs a descriptor.
const maxFolders = 64

// letter is one mail to judge, or what there is to say instead of one.
type letter struct {
	path     string          // as shown; hostile text
	source   io.ReadCloser   // the mail, to be spooled by whoever judges it; nil once mail is there
	mail     *scanner.Buffer // the mail, spooled
	complete bool            // mail is all of it
	err      error           // why there is no mail
	leftOut  int             // instead of a mail: how many links and special files below path were not looked at
}

// hold spools the mail. Errors: those of reading and of the spool; a mail that outgrows the spool is incomplete, not an error.
func (l *letter) hold(ctx context.Context, spool scanner.Spool) error {
	if l.mail != nil {
		return nil
	}
	l.mail = spool.NewBuffer()
	_, err := io.Copy(l.mail, contextReader{ctx, l.source})
	l.complete = err == nil
	if errors.Is(err, scanner.ErrTooLarge) {
		return nil
	}
	return err
}

// close gives back what the letter holds.
func (l *letter) close() {
	if l.source != nil {
		l.source.Close()
	}
	if l.mail != nil {
		l.mail.Close()
	}
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// finder turns what the command line names into letters. Links that are named are followed, links met in folders are not:
// whoever owns a folder must not choose what is read outside of it, by a race either.
type finder struct {
	stdin io.Reader
	spool scanner.Spool // for mails of an mbox file, which are cut apart here
	paths []string
}

// find hands every letter to emit, in the order of the paths and by name within a folder. emit owns the letter; when it
// returns false, find ends.
func (f finder) find(ctx context.Context, emit func(letter) bool) {
	for _, path := range f.paths {
		if !f.path(ctx, path, emit) {
			return
		}
	}
}

// path, like all below, returns what emit returned last.
func (f finder) path(ctx context.Context, path string, emit func(letter) bool) bool {
	if path == standardInput {
		return f.sniff(ctx, path, io.NopCloser(f.stdin), emit)
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return emit(letter{path: path, err: err})
		}
		leftOut := 0
		return f.folder(ctx, root, path, 1, &leftOut, emit) && (leftOut == 0 || emit(letter{path: path, leftOut: leftOut}))
	}
	if err != nil {
		return emit(letter{path: path, err: err})
	}
	return f.file(ctx, path, func(flag int) (*os.File, error) { return os.OpenFile(path, flag, 0) }, emit)
}

// folder finds letters in the folder root, which it closes and which is shown as path.
func (f finder) folder(ctx context.Context, root *os.Root, path string, depth int, leftOut *int, emit func(letter) bool) bool {
	defer root.Close()
	entries, err := readFolder(root)
	if err != nil {
		return emit(letter{path: path, err: err})
	}
	maildir := isMaildir(entries)
	for _, e := range entries {
		name, shown := e.Name(), filepath.Join(path, e.Name())
		switch {
		case ctx.Err() != nil:
			return false
		case e.IsDir() && maildir && (name == "cur" || name == "new"):
			if !f.delivered(root, name, shown, leftOut, emit) {
				return false
			}
		case e.IsDir() && depth == maxFolders:
			if !emit(letter{path: shown, err: fmt.Errorf("more than %d folders inside each other", maxFolders)}) {
				return false
			}
		case e.IsDir():
			sub, err := root.OpenRoot(name)
			if err != nil {
				if !emit(letter{path: shown, err: err}) {
					return false
				}
				continue
			}
			if maildir && !holdsMaildir(sub) { // tmp, where nothing is delivered yet; indexes, filters and the like
				sub.Close()
				continue
			}
			if !f.folder(ctx, sub, shown, depth+1, leftOut, emit) {
				return false
			}
		case maildir: // what servers note beside the mail
		case !e.Type().IsRegular():
			*leftOut++
		default:
			open := func(flag int) (*os.File, error) { return root.OpenFile(name, flag|syscall.O_NOFOLLOW, 0) }
			if !f.file(ctx, shown, open, emit) {
				return false
			}
		}
	}
	return true
}

// delivered finds the mails of cur or new. They are mails whatever they begin with.
func (f finder) delivered(maildir *os.Root, name, path string, leftOut *int, emit func(letter) bool) bool {
	root, err := maildir.OpenRoot(name)
	if err != nil {
		return emit(letter{path: path, err: err})
	}
	defer root.Close()
	entries, err := readFolder(root)
	if err != nil {
		return emit(letter{path: path, err: err})
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			*leftOut++
			continue
		}
		l := letter{path: filepath.Join(path, e.Name())}
		file, err := openRegular(func(flag int) (*os.File, error) { return root.OpenFile(e.Name(), flag|syscall.O_NOFOLLOW, 0) })
		switch {
		case errors.Is(err, fs.ErrNotExist): // moved or deleted by a mail reader since; a server does that all the time
			continue
		case err != nil:
			l.err = err
		default:
			l.source = file
		}
		if !emit(l) {
			return false
		}
	}
	return true
}

// file finds the letters of one file.
func (f finder) file(ctx context.Context, path string, open func(flag int) (*os.File, error), emit func(letter) bool) bool {
	file, err := openRegular(open)
	if err != nil {
		return emit(letter{path: path, err: err})
	}
	if strings.EqualFold(filepath.Ext(path), ".eml") {
		return emit(letter{path: path, source: file})
	}
	return f.sniff(ctx, path, file, emit)
}

// sniff looks whether content, which it or emit's owner closes, is one mail or an mbox file.
func (f finder) sniff(ctx context.Context, path string, content io.ReadCloser, emit func(letter) bool) bool {
	r := bufio.NewReaderSize(contextReader{ctx, content}, mboxPiece)
	head, err := r.Peek(len(fromLine))
	if err != nil && err != io.EOF {
		content.Close()
		return emit(letter{path: path, err: err})
	}
	if string(head) != fromLine {
		return emit(letter{path: path, source: peeked{r, content}})
	}
	defer content.Close()
	box := mbox{r: r}
	for n := 1; ; n++ {
		l := letter{path: fmt.Sprintf("%s#%d", path, n)}
		l.mail, l.complete, l.err = box.next(f.spool)
		if errors.Is(l.err, io.EOF) {
			return true
		}
		if !emit(l) {
			return false
		}
	}
}

// peeked is a file of which the beginning has been read.
type peeked struct {
	io.Reader
	io.Closer
}

// readFolder returns the entries of a folder by name. Names need not be UTF-8, so package fs is of no use here.
func readFolder(root *os.Root) ([]fs.DirEntry, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, err
}

// isMaildir reports whether a folder with these entries is a maildir.
func isMaildir(entries []fs.DirEntry) bool {
	found := 0
	for _, e := range entries {
		if e.IsDir() && (e.Name() == "cur" || e.Name() == "new") {
			found++
		}
	}
	return found == 2
}

// holdsMaildir reports whether a folder is a maildir. One that cannot be read may be: the error comes when it is used.
func holdsMaildir(root *os.Root) bool {
	entries, err := readFolder(root)
	return err != nil || isMaildir(entries)
}

// errNotFile is the answer to a device, a pipe or a socket.
var errNotFile = errors.New("neither a file nor a folder (- is standard input)")

// openRegular opens a file for reading. It does not wait at a pipe.
func openRegular(open func(flag int) (*os.File, error)) (*os.File, error) {
	file, err := open(os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
