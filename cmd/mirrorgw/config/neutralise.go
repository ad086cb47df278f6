package config

// Neutralise says what is made harmless in mails that are delivered.
type Neutralise struct {
	HTML bool // nothing in HTML is fetched from elsewhere, and nothing in it runs
}

func (v value) neutralise(n *Neutralise) {
	v.fields(map[string]func(value){"html": func(v value) { v.boolean(&n.HTML) }})
}
