package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tandemdb/tandem"
)

// showPeer prints a line about a peer of serve that connects, leaves or is refused.
func (a *app) showPeer(e tandem.ClientEvent) { a.note("%s", peerLine(e, time.Now())) }

// peerLine returns one line, even if the peer's texts have several.
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

// peerName returns the peer's name, as far as it is known, and address.
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

// oneLine returns a peer's text as one printable line of bounded length.
func oneLine(text string) string {
	return shortened(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// maxPeerText bounds the shown part of a peer's text, in bytes.
const maxPeerText = 300

func shortened(text string) string {
	if len(text) > maxPeerText {
		text = strings.ToValidUTF8(text[:maxPeerText], "") + "…"
	}
	return text
}
