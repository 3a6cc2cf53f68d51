package users

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

const (
	adaLine = "ada:$2y$05$fXfwQELpazsWy/mPp8RQJeP4ZyntzPEkVOw2qWvGFouPTyi/2mQEm"                                     // sesame
	bobLine = "bob:$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$rOcvUYs7SpTlOpnxk7KVN2zPlOvEP/bdhBp41fIgetY" // open
)

func TestUsersAreAdmittedByTheirOwnPasswordAlone(t *testing.T) {
	u, err := Parse([]byte("# users\n\n" + adaLine + "\r\n" + bobLine))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		user, password string
		want           bool
	}{
		"bcrypt":           {"ada", "sesame", true},
		"argon2id":         {"bob", "open", true},
		"another's":        {"ada", "open", false},
		"another's too":    {"bob", "sesame", false},
		"no password":      {"ada", "", false},
		"unknown user":     {"eve", "open", false},
		"no user":          {"", "open", false},
		"comment":          {"# users", "", false},
		"case of the name": {"Ada", "sesame", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := u.Admit(c.user, []byte(c.password)) != nil; got != c.want {
				t.Errorf("Admit(%q, %q) = %v, want %v", c.user, c.password, got, c.want)
			}
		})
	}
}

func TestUsersFilesThatMakeNoSenseAreRefused(t *testing.T) {
	const salt, key = "MDEyMzQ1Njc4OWFiY2RlZg", "rOcvUYs7SpTlOpnxk7KVN2zPlOvEP/bdhBp41fIgetY"
	for text, want := range map[string]string{
		"":                             "there is no user",
		"# ada":                        "there is no user",
		"ada":                          "line 1: no user:hash",
		":x":                           "line 1: no user:hash",
		adaLine + "\nbob:open":         "line 2: user bob: the hash is neither",
		adaLine + "\n" + adaLine:       "line 2: user ada occurs twice",
		"a:{SHA}W6ph5Mm5Pz8GgiULbPgzG": "the hash is neither",
		"a:$2y$31$fXfwQELpazsWy/mPp8RQJeP4ZyntzPEkVOw2qWvGFouPTyi/2mQEm":  "with a cost up to 16",
		"a:$argon2id$v=18$m=1024,t=1,p=1$" + salt + "$" + key:             "has not the form",
		"a:$argon2id$v=19$m=1024,t=1,p=1$" + salt:                         "has not the form",
		"a:$argon2id$v=19$m=x$" + salt + "$" + key:                        "the parameters",
		"a:$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key:       "out of range",
		"a:$argon2id$v=19$m=1024,t=0,p=1$" + salt + "$" + key:             "out of range",
		"a:$argon2id$v=19$m=1024,t=1,p=0$" + salt + "$" + key:             "out of range",
		"a:$argon2id$v=19$m=1024,t=4000000000,p=1$" + salt + "$" + key:    "out of range",
		"a:$argon2id$v=19$m=1024,t=1,p=1$!$" + key:                        "the salt",
		"a:$argon2id$v=19$m=1024,t=1,p=1$" + salt + "$AAAA":               "16 to 1024 bytes",
		"a:$argon2id$v=19$m=1024,t=1,p=1$" + salt + "$" + key + "$" + key: "has not the form",
		"a:" + strings.Repeat("x", 70_000):                                "token too long",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.60q) gives %v, want %q", text, err, want)
		}
	}
}

func FuzzUsers(f *testing.F) {
	f.Add(adaLine)
	f.Add(bobLine)
	f.Add("a:$argon2id$v=19$m=8,t=1,p=1$$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		var u *List
		var err error
		fuzzing.Bounded(t, len(text), func() { u, err = Parse([]byte(text)) })
		if (u == nil) == (err == nil) {
			t.Fatalf("users %v, error %v", u, err)
		}
		if u != nil && u.nobody == nil {
			t.Fatal("there is nothing to check for unknown users")
		}
	})
}
