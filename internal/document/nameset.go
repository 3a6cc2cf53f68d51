package document

import "bytes"

// nameSet finds duplicate keys of one object. It compares a few keys one by one, and hashes many.
type nameSet struct {
	few  [32][]byte
	n    int
	many map[string]struct{}
}

// add reports whether name was not in the set.
func (set *nameSet) add(name []byte) bool {
	if set.many != nil {
		return set.addMany(name)
	}
	for _, other := range set.few[:set.n] {
		if bytes.Equal(other, name) {
			return false
		}
	}
	if set.n < len(set.few) {
		set.few[set.n] = name
		set.n++
		return true
	}
	set.many = make(map[string]struct{}, 2*len(set.few))
	for _, other := range set.few {
		set.many[string(other)] = struct{}{}
	}
	return set.addMany(name)
}

func (set *nameSet) addMany(name []byte) bool {
	if _, found := set.many[string(name)]; found {
		return false
	}
	set.many[string(name)] = struct{}{}
	return true
}
