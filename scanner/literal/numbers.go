package literal

// Lists of numbers.
const (
	longestNumber = 4                             // octets of a number: 0x4d
	fewestNumbers = stretch / (longestNumber + 3) // in a stretch: "0x4d", and a blank behind it
)

// numbers decodes a list of octets that are told by number.
type numbers struct {
	pairs bool // of hexadecimal digits, without a sign ahead
	done  bool
}

// newNumbers returns a decoder of the list that text, a stretch, begins with. Where it begins with none, it returns nil and how many octets of text are
// to be passed over.
func newNumbers(text []byte) (d *numbers, next int) {
	table := classes()
	if table[text[0]]&separator != 0 {
		for next < len(text) && table[text[next]]&separator != 0 {
			next++
		}
		return nil, next
	}
	d = &numbers{pairs: hasPairs(text)}
	count, first := 0, 0
	for i := 0; i < len(text); i++ {
		_, n := d.number(text[i:])
		i += n
		if n > 0 && i < len(text) && table[text[i]]&separator != 0 {
			if count++; count == 1 {
				first = n
			}
		}
		if i < len(text) && table[text[i]]&separator == 0 { // it is no number, or one too large
			for i < len(text) && table[text[i]]&separator == 0 {
				i++
			}
			if i < len(text) { // else it goes on
				next = i
			}
		}
	}
	switch {
	case next > 0:
		return nil, next
	case count == 0:
		return nil, len(text)
	case count < fewestNumbers:
		return nil, first
	default:
		return d, 0
	}
}

// hasPairs says whether there is a letter in a number of two digits.
func hasPairs(text []byte) bool {
	table := classes()
	for i := 1; i+1 < len(text); i++ {
		_, isHex := hexValue(text[i])
		_, beforeIsHex := hexValue(text[i-1])
		if isHex && beforeIsHex && (text[i] > '9' || text[i-1] > '9') && table[text[i+1]]&separator != 0 && (i == 1 || table[text[i-2]]&separator != 0) {
			return true
		}
	}
	return false
}

// number returns the number that text begins with, and how many octets it takes; 0 where it begins with none.
func (d *numbers) number(text []byte) (v byte, n int) {
	base, sign := 10, 0
	switch {
	case d.pairs:
		base = 16
	case len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x':
		base, sign = 16, 2
	}
	value := 0
	for n = sign; n < min(len(text), longestNumber); n++ {
		digit, ok := hexValue(text[n])
		if !ok || int(digit) >= base {
			break
		}
		value = value*base + int(digit)
	}
	if n == sign || value > 0xFF {
		return 0, 0
	}
	return byte(value), n
}

// feed implements decoder. What cannot be a number ends the list.
func (d *numbers) feed(text, out []byte, last bool) (int, []byte) {
	table := classes()
	i := 0
	for i < len(text) {
		if table[text[i]]&separator != 0 {
			i++
			continue
		}
		v, n := d.number(text[i:])
		if i+n == len(text) && !last { // it may go on
			break
		}
		if d.done = n == 0; d.done {
			break
		}
		out = append(out, v)
		i += n
	}
	return i, out
}

func (d *numbers) ended() bool { return d.done }
