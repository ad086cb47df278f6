package config

import (
	"math"
	"strconv"
	"strings"

	"mirrorgw/scanner/spam"
)

// Spam says how spam is told and marked. It is never held.
type Spam struct {
	Rspamd    string  // see spam.CheckURL; empty: not asked
	Spamd     string  // see spam.Split; empty: not asked
	Tag       float64 // score from which a mail is spam
	Subject   string  // put before the subject of spam
	IspHeader string  // field of the mail's own by which it is spam
}

func (v value) spam(s *Spam) {
	v.fields(map[string]func(value){
		"rspamd": func(v value) { v.textIf(&s.Rspamd, spam.CheckURL) },
		"spamd": func(v value) {
			v.textIf(&s.Spamd, func(text string) error {
				_, _, err := spam.Split(text)
				return err
			})
		},
		"tag":        func(v value) { v.score(&s.Tag) },
		"subject":    func(v value) { v.textIf(&s.Subject, spam.CheckSubject) },
		"isp_header": func(v value) { v.textIf(&s.IspHeader, spam.CheckField) },
	})
	if s.Rspamd != "" && s.Spamd != "" {
		v.fail("%s: rspamd and spamd are both there: one filter is asked", v.name())
	}
}

// textIf reads v as a text that may be empty and that check otherwise has nothing against.
func (v value) textIf(to *string, check func(string) error) {
	s, ok := v.text()
	if !ok {
		return
	}
	if s != "" {
		if err := check(s); err != nil {
			v.fail("%s: %s %v", v.name(), show(s), err)
			return
		}
	}
	*to = s
}

// maxScore bounds a score; filters give tens.
const maxScore = 1000

func (v value) score(to *float64) {
	s, ok := v.text()
	if !ok {
		return
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xXpP_") || !(math.Abs(n) <= maxScore) {
		v.fail("%s: %s is not a score: write a number such as 5.0", v.name(), show(s))
		return
	}
	*to = n
}
