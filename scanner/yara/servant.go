//go:build !noyara

package yara

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	libyara "github.com/hillu/go-yara/v4"
	"golang.org/x/sys/unix"

	"mirrorgw/scanner/worker"
)

// Serve is the life of a worker: it answers the engine at the other end of conn until that goes. hello says how the process is
// confined.
//
// Errors: those of worker.Serve.
func Serve(conn *os.File, hello string) error { return worker.Serve(conn, hello, &servant{}) }

// servant answers the requests of an engine. One that compiles is asked kindRules for each file, kindFinish and kindReport; one that
// scans is asked kindLoad once, and then kindScan.
type servant struct {
	compiler *compiler
	set      *ruleSet
	judge    *judge
	answer   []byte
}

// Answer implements worker.Servant.
func (s *servant) Answer(request []byte, file *os.File) []byte {
	if file != nil {
		defer file.Close()
	}
	s.answer = append(s.answer[:0], byte(statusDone))
	if err := s.do(request, file); err != nil {
		s.fail(err)
	}
	return s.answer
}

func (s *servant) do(request []byte, file *os.File) error {
	if kind(request[0]) == kindScan {
		return s.scan(request, file)
	}
	if file == nil {
		return errRequest
	}
	switch kind(request[0]) {
	case kindRules:
		return s.compile(string(request[1:]), file)
	case kindFinish:
		return s.finish(file)
	case kindReport:
		if s.set == nil {
			return errRequest
		}
		return json.NewEncoder(file).Encode(s.set.about)
	case kindLoad:
		return s.load(request[1:], file)
	default:
		return errRequest
	}
}

// fail makes an answer of an error.
func (s *servant) fail(err error) {
	if errors.Is(err, errTime) {
		s.answer[0] = byte(statusTime) // with what was found by then
		return
	}
	s.answer = append(s.answer[:0], byte(statusFailed))
	if e, ok := errors.AsType[*CompileError](err); ok {
		for i := range e.Messages {
			e.Messages[i].Text = cut(e.Messages[i].Text)
		}
		if text, err := json.Marshal(e.Messages); err == nil && len(text) < worker.MaxAnswer {
			s.answer = append(append(s.answer[:0], byte(statusCompile)), text...)
			return
		}
	}
	s.answer = append(s.answer, cut(err.Error())...)
}

// cut bounds words.
func cut(words string) string { return words[:min(len(words), maxWords)] }

func (s *servant) scan(request []byte, file *os.File) error {
	r, err := parseScan(request)
	if err != nil || s.judge == nil || r.inFile != (file != nil) {
		return errRequest
	}
	if r.inFile {
		m, err := mapStretch(file, r.at, r.size)
		if err != nil {
			return err
		}
		defer m.close()
		r.content = m.content
	}
	err = s.judge.scan(r.content, r.name, r.limit)
	s.answer = appendPlaces(s.answer, s.judge.found)
	if err == nil || errors.Is(err, errTime) {
		return err
	}
	s.judge.close() // a scanner that met an error is not trusted with another mail
	var again error
	if s.judge, again = newJudge(s.set); again != nil {
		return errors.Join(err, again)
	}
	return err
}

func (s *servant) compile(path string, file *os.File) (err error) {
	if s.compiler == nil {
		if s.compiler, err = newCompiler(); err != nil {
			return err
		}
	}
	return s.compiler.add(path, file)
}

// finish writes the rules to file.
func (s *servant) finish(file *os.File) (err error) {
	if s.compiler == nil { // no files: the built-in rules alone
		if s.compiler, err = newCompiler(); err != nil {
			return err
		}
	}
	if s.set, err = s.compiler.finish(); err != nil {
		return err
	}
	var image bytes.Buffer
	if err := s.set.rules.Write(&image); err != nil {
		return fmt.Errorf("yara: writing the rules: %w", err)
	}
	_, err = file.Write(image.Bytes())
	return err
}

// load reads the rules from file. about says in a few octets what is needed of the report.
func (s *servant) load(about []byte, file *os.File) error {
	if s.set != nil || len(about) != 1 {
		return errRequest
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	image, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mapping the rules: %w", err)
	}
	defer func() { _ = unix.Munmap(image) }() // cannot fail
	rules, err := libyara.ReadRules(bytes.NewReader(image))
	if err != nil {
		return fmt.Errorf("loading the rules: %w", err)
	}
	s.set = newRuleSet(rules, report{Variables: about[0] == 1})
	s.judge, err = newJudge(s.set)
	s.answer = appendPlaces(s.answer, []uint32{uint32(len(s.set.index))})
	return err
}
