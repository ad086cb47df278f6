package config

import (
	"net/netip"

	"mirrorgw/scanner/notice"
)

// Notice says how clients are told of a mail that they do not get.
type Notice struct {
	Language  string           // one of notice.Languages
	Languages []NoticeLanguage // for some clients; first match wins
	Template  string           // path of a text of one's own; empty: the built-in ones
	KeepRest  bool             // replace only the parts of a mail in which something was found
}

// NoticeLanguage is the language for some clients.
type NoticeLanguage struct {
	Clients  []netip.Prefix
	Language string
}

func (v value) notice(n *Notice) {
	v.fields(map[string]func(value){
		"language":  func(v value) { oneOf(v, &n.Language, notice.Languages()) },
		"languages": func(v value) { v.noticeLanguages(&n.Languages) },
		"template": func(v value) {
			if path, ok := v.text(); ok && path != "" {
				v.path(&n.Template)
			}
		},
		"keep_rest": func(v value) { v.boolean(&n.KeepRest) },
	})
}

func (v value) noticeLanguages(to *[]NoticeLanguage) {
	items, ok := v.list()
	if !ok {
		return
	}
	var list []NoticeLanguage
	for _, item := range items {
		var l NoticeLanguage
		before := len(item.r.errs)
		item.fields(map[string]func(value){
			"clients":  func(v value) { v.prefixes(&l.Clients) },
			"language": func(v value) { oneOf(v, &l.Language, notice.Languages()) },
		})
		if len(item.r.errs) == before && (len(l.Clients) == 0 || l.Language == "") {
			item.fail("%s wants both clients and a language, such as {clients: [192.168.1.0/25], language: de}", item.name())
		}
		list = append(list, l)
	}
	*to = list
}
