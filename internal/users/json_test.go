package users

import (
	"strings"
	"testing"
)

const (
	adaHash = "$2y$05$fXfwQELpazsWy/mPp8RQJeP4ZyntzPEkVOw2qWvGFouPTyi/2mQEm" // sesame
	bobHash = "$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rOcvUYs7SpTlOpnxk7KVN2zPlOvEP/bdhBp41fIgetY"
)

func TestUsersHaveTheRightsOfTheirEntries(t *testing.T) {
	l, err := Parse([]byte(` {"ada":{"password":"` + adaHash + `","roles":["admin","replicate"],"access":{}},
		"bob":{"password":"` + bobHash + `","access":{"shop.*":["read"],"shop.inv.hotel":["write"],"other":["read","write"],
			"db.coll":["read"],"mix.inv.*":["write"]}},
		"eve":{"password":"` + bobHash + `","access":{}}, "ron":{"password":"` + bobHash + `","access":{"*":["read"]}},
		"sam":{"password":"` + bobHash + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Right{
		"ada shop x y": Read | Write, "bob shop x y": Read, "bob shop inv hotel": Read | Write, "bob other _default _default": Read | Write,
		"bob other x y": 0, "bob db _default coll": Read, "bob db x coll": 0, "bob mix inv z": Write, "bob mix x z": 0, "bob none x y": 0,
		"eve shop x y": 0, "ron any x y": Read, "sam any x y": Read | Write, "nobody shop x y": 0,
	} {
		f := strings.Fields(text)
		if got := l.Find(f[0]).Rights(f[1], f[2], f[3]); got != want {
			t.Errorf("%s: got %b, want %b", text, got, want)
		}
	}
	if ada := l.Find("ada"); !ada.Admin || !ada.Replicate {
		t.Errorf("ada has not her roles: %+v", ada)
	}
	if l.Admit("ada", []byte("sesame")) == nil || l.Admit("ada", []byte("open")) != nil || l.Admit("bob", []byte("open")) == nil {
		t.Error("the passwords of the JSON form are not those of the entries")
	}
}

func TestAnEntryIsRefusedByItsName(t *testing.T) {
	entry := func(more string) string { return `{"ada":{"password":"` + adaHash + `"` + more + `}}` }
	for text, want := range map[string]string{
		`{}`:                                     "there is no user",
		`{"ada":7}`:                              "user ada",
		`{"ada":{}}`:                             "user ada: the hash is neither",
		entry("") + "x":                          "more text",
		`{"":{"password":"` + adaHash + `"}}`:    "a name is not empty",
		`{"a:b":{"password":"` + adaHash + `"}}`: "no colon",
		entry(`,"role":["admin"]`):               `unknown field "role"`,
		entry(`,"roles":["root"]`):               `there is no role "root"`,
		entry(`,"access":{"shop.*":["delete"]}`): `there is no right "delete"`,
		entry(`,"access":{"a.b.c.d":["read"]}`):  `access to "a.b.c.d"`,
		entry(`,"access":{"sh*p":["read"]}`):     `access to "sh*p"`,
		entry(`,"access":{"shop..x":["read"]}`):  `access to "shop..x"`,
		strings.TrimSuffix(entry(""), "}") + `,"ada":{"password":"` + adaHash + `"}}`: "user ada occurs twice",
		`{"ada":{"password":"` + adaHash:                                              "unexpected EOF",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "fXfwQELpazsWy") {
			t.Errorf("the error shows a hash: %v", err)
		}
	}
}

func TestAnotherHashIsAnotherPassword(t *testing.T) {
	first, err := Parse([]byte("ada:" + adaHash))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Parse([]byte("ada:" + bobHash))
	if err != nil {
		t.Fatal(err)
	}
	ada := first.Find("ada")
	if !ada.SamePassword(ada) || ada.SamePassword(second.Find("ada")) || ada.SamePassword(nil) || (*User)(nil).SamePassword(ada) {
		t.Error("SamePassword does not tell hashes apart")
	}
}

func TestAUserKeepsWhatHeHadOrNot(t *testing.T) {
	const all, none, some = "", `"access":{}`, `"access":{"shop.*":["read"],"shop.inv.hotel":["write"]}`
	for _, x := range []struct {
		before, now string
		keeps       bool
	}{
		{all, all, true},
		{all, some, false},
		{some, all, true},
		{some, none, false},
		{none, some, true},
		{some, `"access":{"shop.inv.hotel":["write"],"shop.*":["read"],"x":["read"]}`, true},
		{some, `"access":{"shop.*":["read","write"]}`, true},
		{some, `"access":{"*":["read"],"shop.inv.*":["write"]}`, true},
		{`"access":{"*":["read"]}`, `"access":{"shop.*":["read"]}`, false},
		{some, `"access":{"shop.*":["write"],"shop.inv.hotel":["write"]}`, false},
		{`"roles":["admin"]`, all, false},
		{all, `"roles":["admin"]`, true},
		{`"access":{"shop.*":["read"]}`, `"access":{"shop.inv.*":["read"]}`, false},
	} {
		if got := userOf(t, x.now, adaHash).Keeps(userOf(t, x.before, adaHash)); got != x.keeps {
			t.Errorf("%s after %s: got %v", x.now, x.before, got)
		}
	}
	if u := userOf(t, all, adaHash); u.Keeps(userOf(t, all, bobHash)) || u.Keeps(nil) || (*User)(nil).Keeps(u) {
		t.Error("a user with another password, or none, goes on")
	}
}

func userOf(t *testing.T, entry, hash string) *User {
	t.Helper()
	if entry != "" {
		entry = "," + entry
	}
	l, err := Parse([]byte(`{"ann":{"password":"` + hash + `"` + entry + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return l.Find("ann")
}
