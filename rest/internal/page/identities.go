package page

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// identityView is what the view of identities shows.
type identityView struct {
	Identities []identityRow
	NoStore    bool
	Made       string // the label of the one that was just made
	Form       identityForm
	Problem    *Problem
}

// identityForm is what was typed to make an identity.
type identityForm struct {
	Label, Name, DNS, Issuer string
	Days                     string
	Server, Client, Signs    bool
}

// identityRow is the public part of an identity.
type identityRow struct {
	Label        string    `json:"label"`
	Fingerprint  string    `json:"fingerprint"`
	Expires      time.Time `json:"expires"`
	Warning      string    `json:"warning"`
	Certificates string    `json:"certificates"`
}

// Days are left until the identity expires.
func (i identityRow) Days() int { return int(time.Until(i.Expires).Hours() / 24) }

// Life is the part of a year, in percent, that is left.
func (i identityRow) Life() int { return min(max(i.Days(), 0)*100/365, 100) }

func showIdentities(l *look) (any, error) {
	v := &identityView{Form: identityForm{Days: "365", Server: true, Client: true}, Made: l.form.Get("made")}
	return v, v.read(l)
}

func (v *identityView) read(l *look) error {
	err := l.get(&v.Identities, "/_identities")
	if v.NoStore = isStatus(err, http.StatusNotImplemented); v.NoStore {
		return nil
	}
	return err
}

// makeIdentity makes a key and a certificate, which stay in the store of the server.
func makeIdentity(l *look) (string, error) {
	get := l.form.Get
	v := &identityView{Form: identityForm{
		Label: strings.TrimSpace(get("label")), Name: get("name"), DNS: get("dns"), Issuer: get("issuer"), Days: get("days"),
		Server: get("server") != "", Client: get("client") != "", Signs: get("signs") != "",
	}}
	body, err := v.Form.body()
	if err == nil {
		err = l.send(nil, Request{Method: http.MethodPost, Path: "/_identities", Body: body})
	}
	if err == nil {
		return "/_tandem/identities?made=" + segment(v.Form.Label), nil
	}
	v.Problem = problemOf(err)
	if err := v.read(l); err != nil {
		return "", err
	}
	return "", &redo{v, v.Problem}
}

// identityDays bounds how long an identity is valid.
const identityDays = 36_500

// body is the request for the identity.
func (f identityForm) body() ([]byte, error) {
	days, err := strconv.Atoi(f.Days)
	if err != nil || days < 1 || days > identityDays {
		return nil, &Problem{Status: http.StatusBadRequest, Reason: "this is no number of days", Hint: "write a number from 1 to 36500"}
	}
	var usage []string
	for name, chosen := range map[string]bool{"server": f.Server, "client": f.Client, "issuer": f.Signs} {
		if chosen {
			usage = append(usage, name)
		}
	}
	if len(usage) == 0 {
		return nil, &Problem{Status: http.StatusBadRequest, Reason: "the identity has no use", Hint: "choose what it is for"}
	}
	return json.Marshal(map[string]any{
		"label": f.Label, "common_name": f.Name, "usage": usage, "issuer": f.Issuer,
		"dns":     strings.FieldsFunc(f.DNS, func(r rune) bool { return r == ',' || r == ' ' }),
		"expires": time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second),
	})
}
