package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tandemdb/tandem"
)

// showPeer tells of a peer of serve that has come, gone or was refused.
func (a *app) showPeer(e tandem.ClientEvent) { a.note("%s", peerLine(e, time.Now())) }

// peerLine is one line, whatever the peer says.
func peerLine(e tandem.ClientEvent, now time.Time) string {
	line := "peer " + peerName(e.ClientInfo) + " " + string(e.Kind)
	switch e.Kind {
	case tandem.ClientConnected:
		return line + ": database " + e.Database.Name() + ", " + oneLine(cmp.Or(e.Agent, "unknown program"))
	case tandem.ClientDisconnected:
		line += " after " + seconds(now.Sub(e.Since)) +
			": sent " + count(e.Progress.Push.Documents, "document") +
			", received " + strconv.FormatUint(e.Progress.Pull.Documents, 10)
		if e.Err != nil {
			line += "; " + oneLine(e.Err.Error())
		}
		return line
	case tandem.ClientRefused:
	}
	return line + ": " + oneLine(e.Err.Error())
}

// peerName says who it is, as far as that is known, and from where.
func peerName(who tandem.ClientInfo) string {
	name := who.User
	if name == "" && len(who.Certificates) > 0 {
		name = who.Certificates[0].Subject.CommonName
	}
	if name == "" {
		return who.Address
	}
	return strconv.Quote(shortened(name)) + " at " + who.Address
}

// oneLine makes a text of a peer's fit for a line of its own.
func oneLine(text string) string {
	return shortened(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// maxPeerText is the most that is shown of a text of a peer's, in bytes.
const maxPeerText = 300

func shortened(text string) string {
	if len(text) > maxPeerText {
		text = strings.ToValidUTF8(text[:maxPeerText], "") + "…"
	}
	return text
}
