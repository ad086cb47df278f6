package config

import "mirrorgw/scanner/names"

// Names says which parts are not wanted whatever is in them.
type Names struct {
	Block            []string // patterns of file names
	DoubleExtensions bool     // names made to look like something else
	Types            []string // media types by content
}

func (v value) namesRules(n *Names) {
	v.fields(map[string]func(value){
		"block":             func(v value) { v.texts(&n.Block, names.CheckPattern) },
		"double_extensions": func(v value) { v.boolean(&n.DoubleExtensions) },
		"types":             func(v value) { v.texts(&n.Types, names.CheckType) },
	})
}

// texts reads v as a list of texts that check has nothing against. check says what is wrong with one.
func (v value) texts(to *[]string, check func(string) error) {
	items, ok := v.list()
	if !ok {
		return
	}
	var list []string
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		if err := check(s); err != nil {
			item.fail("%s: %s %v", item.name(), show(s), err)
			continue
		}
		list = append(list, s)
	}
	*to = list
}
