package main

import (
	"fmt"
	"strings"
)

// boundaries is D4: where a part begins and ends.
func boundaries() []variant {
	// Each row is the boundary as declared and, behind \x00, the lines that begin the parts and end the last one.
	rows := [][2]string{
		{"trailing-blanks", "bound\x00--bound  \x00--bound--  "},
		{"trailing-tab", "bound\x00--bound\t\x00--bound--\t"},
		{"trailing-comma", "bound\x00--bound,\x00--bound--"},
		{"trailing-junk", "bound\x00--bound junk\x00--bound--"},
		{"trailing-letter", "bound\x00--boundx\x00--bound--"},
		{"trailing-dash", "bound\x00--bound-\x00--bound--"},
		{"trailing-nul", "bound\x00--bound\x02\x00--bound--"},
		{"leading-blank", "bound\x00 --bound\x00 --bound--"},
		{"leading-dash", "bound\x00---bound\x00---bound--"},
		{"one-dash", "bound\x00-bound\x00-bound--"},
		{"no-dash", "bound\x00bound\x00bound"},
		{"quoted", "bound\x00>--bound\x00>--bound--"},
		{"other-case", "bound\x00--BOUND\x00--BOUND--"},
		{"unterminated", "bound\x00--bound\x00"},
		{"half-terminated", "bound\x00--bound\x00--bound-"},
		{"ends-first", "bound\x00--bound--\x00--bound--"},
		{"declared-with-dashes", "--bound\x00--bound\x00--bound--"},
		{"declared-with-dashes-kept", "--bound\x00----bound\x00----bound--"},
		{"declared-with-end", "bound--\x00--bound--\x00--bound----"},
		{"declared-blank-behind", "bound \x00--bound\x00--bound--"},
		{"declared-blank-behind-kept", "bound \x00--bound \x00--bound --"},
		{"declared-blank-ahead", " bound\x00--bound\x00--bound--"},
		{"declared-blank-ahead-kept", " bound\x00-- bound\x00-- bound--"},
		{"declared-comma", "bound,x\x00--bound\x00--bound--"},
		{"declared-comma-kept", "bound,x\x00--bound,x\x00--bound,x--"},
		{"empty", "\x00--\x00----"},
		{"one-letter", "x\x00--x\x00--x--"},
		{"dashes", "----\x00------\x00--------"},
		{"all-specials", "'()+_,-./:=?\x00--'()+_,-./:=?\x00--'()+_,-./:=?--"},
		{"seventy", strings.Repeat("x", 70) + "\x00--" + strings.Repeat("x", 70) + "\x00--" + strings.Repeat("x", 70) + "--"},
		{"long", strings.Repeat("x", 200) + "\x00--" + strings.Repeat("x", 200) + "\x00--" + strings.Repeat("x", 200) + "--"},
		{"very-long", strings.Repeat("x", 2000) + "\x00--" + strings.Repeat("x", 2000) + "\x00--" + strings.Repeat("x", 2000) + "--"},
		{"long-cut", strings.Repeat("x", 200) + "\x00--" + strings.Repeat("x", 70) + "\x00--" + strings.Repeat("x", 70) + "--"},
		{"undeclared", "other\x00--bound\x00--bound--"},
		{"prefix-used", "bound\x00--bo\x00--bo--"},
	}
	all := table("D4", "", rows, func(p payload, value string) string {
		words := strings.SplitN(value, "\x00", 3)
		return top + version + fmt.Sprintf("Content-Type: multipart/mixed; boundary=\"%s\"\n\n", words[0]) +
			words[1] + "\n" + note + words[1] + "\n" + attached(p) + words[2] + "\n"
	})
	of := func(name string, build func(p payload) string) { all = append(all, variant{"D4", name, build}) }
	of("preamble", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=bound\n\n" + attached(p) + "\n" + multipart("bound", note)
	})
	of("preamble-encoded", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=bound\nContent-Transfer-Encoding: base64\n\n" + fold(b64(p.content), 76) + "\n" + multipart("bound", note)
	})
	of("epilogue", func(p payload) string { return mixed(note) + "\n" + attached(p) })
	of("epilogue-parts", func(p payload) string { return mixed(note) + "\n" + multipart("bound", attached(p)) })
	of("epilogue-other-parts", func(p payload) string { return mixed(note) + "\n" + multipart("other", attached(p)) })
	nested := func(name, outer, inner string) {
		of(name, func(p payload) string {
			return top + version + "Content-Type: multipart/mixed; boundary=\"" + outer + "\"\n\n" +
				multipart(outer, note, "Content-Type: multipart/mixed; boundary=\""+inner+"\"\n\n"+multipart(inner, note, attached(p)))
		})
	}
	nested("nested", "outer", "inner")
	nested("inner-is-outer", "bound", "bound")
	nested("inner-prefix-of-outer", "bound-and-more", "bound")
	nested("outer-prefix-of-inner", "bound", "bound-and-more")
	nested("outer-prefix-with-dashes", "bound", "bound--")
	nested("inner-empty", "bound", "")
	of("inner-unterminated", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=outer\n\n" +
			multipart("outer", "Content-Type: multipart/mixed; boundary=inner\n\n--inner\n"+attached(p), note)
	})
	of("inner-cut-by-outer", func(p payload) string {
		whole := attached(p)
		return top + version + "Content-Type: multipart/mixed; boundary=outer\n\n" +
			"--outer\nContent-Type: multipart/mixed; boundary=inner\n\n--inner\n" + note + "--outer\n" + whole + "--inner\n" + note + "--inner--\n--outer--\n"
	})
	of("outer-within-part", func(p payload) string {
		lines := strings.SplitAfter(attached(p), "\n\n")
		return mixed(note, lines[0]+"--other\n"+lines[1])
	})
	of("dashes-within-base64", func(p payload) string {
		text := fold(b64(p.content), 40)
		first, rest, _ := strings.Cut(text, "\n")
		return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", first+"\n--junk\n"+rest))
	})
	of("dashes-alone-within-base64", func(p payload) string {
		text := fold(b64(p.content), 40)
		first, rest, _ := strings.Cut(text, "\n")
		return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", first+"\n--\n"+rest))
	})
	for _, d := range [][2]string{
		{"nul-ahead", "\x00--bound"},
		{"form-feed-ahead", "\f--bound"},
		{"file-separator-ahead", "text\x1c--bound"},
		{"next-line-ahead", "text\u0085--bound"},
		{"line-separator-ahead", "text\u2028--bound"},
		{"byte-order-mark-ahead", "\ufeff--bound"},
		{"nul-within", "--bo\x00und"},
		{"vertical-tab-behind", "--bound\v"},
		{"many-blanks-behind", "--bound" + strings.Repeat(" ", 5000)},
		{"comment-behind", "--bound(c)"},
		{"quotes", "--\"bound\""},
		{"soft-end-behind", "--bound=\n"},
		{"end-and-letter", "--bound--x"},
	} {
		of("second-"+d[0], func(p payload) string {
			return strings.Replace(mixed(note, attached(p)), note+"--bound\n", note+d[1]+"\n", 1)
		})
	}
	of("no-newline-at-end", func(p payload) string { return strings.TrimSuffix(mixed(note, attached(p)), "\n--bound--\n") })
	of("ends-behind-delimiter", func(p payload) string { return mixed(note, attached(p)) + "--bound" })
	of("first-line-of-body", func(p payload) string {
		return strings.Replace(mixed(attached(p)), "\n\n--bound", "\n\n\n\n--bound", 1)
	})
	of("many-empty-parts", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=bound\n\n" + strings.Repeat("--bound\n\n", 500) + multipart("bound", attached(p))
	})
	of("many-parts-at-once", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=bound\n\n" + strings.Repeat("--bound\n", 40) + attached(p) + "--bound--\n"
	})
	for _, depth := range []int{3, 8, 20, 60, 120} {
		of(fmt.Sprintf("depth-%d", depth), func(p payload) string {
			body := attached(p)
			for i := range depth {
				boundary := fmt.Sprintf("level-%d-", i)
				body = "Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\n\n" + multipart(boundary, body)
			}
			return top + version + body
		})
	}
	of("digest", func(p payload) string {
		return top + version + "Content-Type: multipart/digest; boundary=bound\n\n" + multipart("bound", "\n"+top+version+attached(p))
	})
	of("single-part", func(p payload) string { return top + version + attached(p) })
	of("multipart-without-parts", func(p payload) string {
		return top + version + "Content-Type: multipart/mixed; boundary=bound\nContent-Transfer-Encoding: base64\n\n" + fold(b64(p.content), 76) + "\n"
	})
	return all
}

// continued is D8: names and boundaries as RFC 2231 and RFC 2047 write them.
func continued() []variant {
	return table("D8", "", [][2]string{
		{"continued", "boundary*0=one; boundary*1=two\x00onetwo"},
		{"continued-quoted", "boundary*0=\"one\"; boundary*1=\"two\"\x00onetwo"},
		{"continued-order", "boundary*1=two; boundary*0=one\x00onetwo"},
		{"continued-gap", "boundary*0=one; boundary*2=two\x00one"},
		{"continued-from-one", "boundary*1=one; boundary*2=two\x00onetwo"},
		{"continued-zeros", "boundary*00=one; boundary*01=two\x00onetwo"},
		{"continued-twice", "boundary*0=one; boundary*0=two\x00one"},
		{"continued-encoded", "boundary*0*=us-ascii''one%2; boundary*1*=0two\x00one%20two"},
		{"continued-mixed", "boundary*0*=us-ascii'en'%6fne; boundary*1=two\x00onetwo"},
		{"extended", "boundary*=us-ascii'en'%6f%6e%65\x00one"},
		{"extended-no-charset", "boundary*=''one\x00one"},
		{"extended-no-quotes", "boundary*=one\x00one"},
		{"extended-other-charset", "boundary*=utf-16''one\x00one"},
		{"extended-bad-escape", "boundary*=us-ascii''one%zz\x00one%zz"},
		{"extended-and-plain-first", "boundary=one; boundary*=us-ascii''two\x00one"},
		{"extended-and-plain-last", "boundary=one; boundary*=us-ascii''two\x00two"},
		{"continued-and-plain", "boundary=one; boundary*0=two; boundary*1=three\x00one"},
		{"continued-and-plain-other", "boundary=one; boundary*0=two; boundary*1=three\x00twothree"},
		{"encoded-word", "boundary==?utf-8?Q?one?=\x00one"},
		{"encoded-word-kept", "boundary=\"=?utf-8?Q?one?=\"\x00=?utf-8?Q?one?="},
		{"escapes-plain", "boundary=%6fne\x00%6fne"},
		{"escapes-plain-decoded", "boundary=%6fne\x00one"},
	}, func(p payload, value string) string {
		parameter, boundary, _ := strings.Cut(value, "\x00")
		return top + version + "Content-Type: multipart/mixed; " + parameter + "\n\n" + multipart(boundary, note, attached(p))
	})
}
