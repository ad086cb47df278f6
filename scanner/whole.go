package scanner

import "sync"

// togetherSize is the size of a mail, in octets, up to which to ask costs more than to judge.
const togetherSize = 32 << 10

// wholeMail is the question about the whole mail. A small mail is asked about together with the first of its parts, which costs an engine one
// question in place of two. A larger one is asked about from the first, in a goroutine for each engine, while the walk takes it apart and the
// engines are asked about its parts. Either way its answers are noted as if they had been given before all others.
type wholeMail struct {
	question
	state  wholeState
	asking sync.WaitGroup // the goroutine that waits for the engines
}

// wholeState says what is still to be done about the question.
type wholeState uint8

const (
	wholeDone   wholeState = iota // nothing
	wholeHeld                     // to ask it, and note the answers
	wholeBeside                   // to note the answers once they are there
)

// askWhole has the engines asked about the whole mail, sooner or later. settleWhole must follow.
func (x *examination) askWhole(part *Part) {
	if len(x.scanner.engines) == 0 { // a rehearsal
		return
	}
	w := &x.whole
	x.pose(&w.question, part)
	if part.Size() <= togetherSize {
		w.state = wholeHeld
		return
	}
	w.state = wholeBeside
	w.asking.Go(func() { x.askEngines([]*question{&w.question}) }) // ends with the engines' calls; settleWhole waits
}

// settleWhole returns when the answers about the whole mail are noted. Errors: ErrStopped when time is up.
func (x *examination) settleWhole() error {
	switch w := &x.whole; w.state {
	case wholeHeld: // there was no part
		x.askEngines([]*question{&w.question})
	case wholeBeside:
		w.asking.Wait()
	default:
		return nil
	}
	return x.noteWhole()
}

// settled is settleWhole where the content of the part at path is that of the whole mail, which is then to be known.
func (x *examination) settled(path string) error {
	if path != "" {
		return nil
	}
	return x.settleWhole()
}

// noteWhole notes the answers about the whole mail in front of all that has been noted. Errors: ErrStopped when time is up.
func (x *examination) noteWhole() error {
	x.whole.state = wholeDone
	findings, causes := x.findings, x.causes
	x.findings, x.causes = nil, nil
	err := x.noteAnswers(&x.whole.question)
	for _, f := range findings {
		x.find(f)
	}
	for cause, detail := range causes {
		x.note(cause, detail)
	}
	return err
}
