package delta

import (
	"strconv"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// Apply returns old changed by the delta d. Members keep their order, and new ones follow;
// unchanged parts keep their text. Apply does not look at reserved keys: check the result like any
// body from a peer. A malformed delta, or one that does not fit old, gives [fault.CorruptDelta]; a
// malformed old gives the errors of [document.ParseValue].
func Apply(old, d []byte) ([]byte, error) {
	o, err := document.ParseValue(old, 0)
	if err != nil {
		return nil, err
	}
	delta, err := document.ParseValue(d, document.MaxDepth+1) // one level more, for the brackets around a new value
	if err != nil {
		return nil, fault.CorruptDelta.Because(err)
	}
	if kind := delta.Kind(); kind != document.Object && kind != document.Array {
		return nil, corrupt("it is neither an object nor an array")
	}
	out, err := apply(make([]byte, 0, len(o)+len(delta)), o, delta)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, corrupt("it deletes the whole value")
	}
	return out, nil
}

func corrupt(why string) error { return fault.CorruptDelta.Says("delta is corrupt: %s", why) }

// apply appends o changed by d; o is nil for a missing value. It appends nothing for a deletion.
func apply(dst []byte, o, d document.Value) ([]byte, error) {
	switch d.Kind() {
	case document.Array:
		return applyList(dst, o, d)
	case document.Object:
		switch kind := o.Kind(); {
		case len(d) == len("{}"):
			return append(dst, o...), nil
		case kind == document.Object:
			return applyObject(dst, o, d)
		case kind == document.Array:
			return applyArray(dst, o, d)
		}
		return nil, corrupt("it changes parts of a value that has none")
	default:
		return append(dst, d...), nil
	}
}

// applyList applies a delta in brackets: a new value, a deletion, or a text patch.
func applyList(dst []byte, o, d document.Value) ([]byte, error) {
	c := d.Cursor()
	first, second, third, more := c.Next(), c.Next(), c.Next(), c.Next()
	switch {
	case first != nil && second == nil:
		return append(dst, first...), nil
	case o == nil:
		return nil, corrupt("it replaces or deletes a value that is not there")
	case first == nil:
		return dst, nil
	case third == nil:
		return append(dst, second...), nil
	case more == nil && string(third) == "0":
		return dst, nil
	case more == nil && string(third) == "2":
		return applyText(dst, o, first)
	}
	return nil, corrupt("it has a list of unknown meaning")
}

func applyObject(dst []byte, o, d document.Value) ([]byte, error) {
	open := len(dst)
	changes, used := d.Index(), 0
	var err error
	for key, value := range o.Members() {
		change := changes[string(key.Text())]
		if change == nil {
			change = document.Value("{}")
		} else {
			used++
		}
		if dst, err = applyMember(dst, key, value, change); err != nil {
			return nil, err
		}
	}
	if used < len(changes) {
		if dst, err = applyAdditions(dst, o.Index(), d); err != nil {
			return nil, err
		}
	}
	return document.Enclose(dst, open, '{', '}'), nil
}

func applyAdditions(dst []byte, olds document.Index, d document.Value) ([]byte, error) {
	var err error
	for key, change := range d.Members() {
		if olds[string(key.Text())] != nil {
			continue
		}
		if dst, err = applyMember(dst, key, nil, change); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func applyMember(dst []byte, key, value, change document.Value) ([]byte, error) {
	before := len(dst)
	dst = append(append(append(dst, ','), key...), ':')
	start := len(dst)
	dst, err := apply(dst, value, change)
	if err == nil && len(dst) == start {
		dst = dst[:before]
	}
	return dst, err
}

func applyArray(dst []byte, o, d document.Value) ([]byte, error) {
	open := len(dst)
	changes := d.Index()
	c := o.Cursor()
	for i := 0; ; i++ {
		item, at := c.Next(), strconv.Itoa(i)
		change := changes[at]
		if item == nil || change == nil && changes[at+"-"] != nil {
			return applyCut(dst, open, changes[at+"-"])
		}
		if change == nil {
			change = document.Value("{}")
		}
		dst = append(dst, ',')
		start := len(dst)
		var err error
		if dst, err = apply(dst, item, change); err != nil {
			return nil, err
		}
		if len(dst) == start {
			return nil, corrupt("it deletes an item from the middle of an array")
		}
	}
}

// applyCut ends an array with the items of tail; tail may be nil.
func applyCut(dst []byte, open int, tail document.Value) ([]byte, error) {
	if kind := tail.Kind(); kind != document.None && kind != document.Array {
		return nil, corrupt("what it adds to an array is not in an array")
	}
	for item := range tail.Items() {
		dst = append(append(dst, ','), item...)
	}
	return document.Enclose(dst, open, '[', ']'), nil
}
