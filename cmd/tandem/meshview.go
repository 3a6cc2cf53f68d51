package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/tandemdb/tandem"
)

// meshLines print a line for each member that comes, goes or fails.
type meshLines struct {
	a      *app
	member *tandem.MultipeerReplicator

	mu     sync.Mutex // guards the following, and the output
	known  map[tandem.PeerID]tandem.PeerInfo
	said   string
	erred  string            // the error of the status
	told   map[string]string // addresses that do not answer, and why
	warned string            // of this member's certificate
	wrong  uint64            // attempts to join with a wrong code, when they were told last
}

func (v *meshLines) begun() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintln(v.a.out, "member", v.member.PeerID())
	for _, address := range v.member.Addresses() {
		fmt.Fprintln(v.a.out, "listening", address)
	}
	return v.a.out.Flush()
}

func (v *meshLines) peer(p tandem.PeerInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before, name := v.known[p.ID], meshName(p)
	v.known[p.ID] = p
	switch {
	case p.Neighbor && !before.Neighbor:
		v.a.note("neighbour %s: connected", name)
	case before.Neighbor && !p.Neighbor:
		v.a.note("neighbour %s: disconnected%s", name, because(p.Trouble))
	case p.Online == before.Online && p.Trouble != "" && p.Trouble != before.Trouble:
		v.a.note("member %s: not reached%s", name, because(p.Trouble))
	}
	if len(p.Unshared) > 0 && !slices.Equal(p.Unshared, before.Unshared) {
		v.a.note("%s", unsharedLine(p))
	}
	if p.Online != before.Online && !p.Neighbor { // a neighbour that leaves may go offline at once
		v.a.note("member %s: %s", name, map[bool]string{true: "online", false: "offline"}[p.Online])
	}
}

func (v *meshLines) invitation(i tandem.InvitationInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if line := invitationLine(i); line != "" {
		v.a.note("%s", line)
	}
}

// unsharedLine says which collections are not synced with a neighbour.
func unsharedLine(p tandem.PeerInfo) string {
	return fmt.Sprintf("not synced with %s: %s: only one of the two has it; create it with tandem collection create, and start again",
		meshName(p), oneLine(strings.Join(p.Unshared, ", ")))
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + oneLine(why)
}

func (v *meshLines) status(s tandem.MultipeerStatus) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for address, why := range v.member.Troubles() {
		if v.told[address] != why {
			v.told[address] = why
			v.a.note("%s does not lead to a member: %s", address, oneLine(why))
		}
	}
	if text := errorText(s.Err); text != v.erred {
		v.erred = text
		if text != "" {
			v.a.note("%s", oneLine(text))
		}
	}
	if s.Warning != v.warned {
		if v.warned = s.Warning; s.Warning != "" {
			v.a.note("%s", certificateWarning(s.Warning))
		}
	}
	if s.WrongProofs >= max(1, 10*v.wrong) {
		v.wrong = s.WrongProofs
		v.a.note("devices that have tried to join with a wrong code: %d", s.WrongProofs)
	}
	if s.Activity != tandem.Idle {
		return
	}
	line := fmt.Sprintf("in sync with %s of %d: pushed %s, pulled %d", count(s.Neighbors, "neighbour"), s.Online,
		count(s.Progress.Push.Documents, "document"), s.Progress.Pull.Documents)
	if line != v.said {
		v.said = line
		v.a.note("%s", line)
	}
}

func (v *meshLines) documents(r tandem.PeerDocumentReplication) {
	for _, d := range r.Documents {
		if d.Err != nil && !d.Transient {
			v.a.note("%s %s: %v", map[bool]string{true: "push", false: "pull"}[r.IsPush], d.ID, d.Err)
		}
	}
}

func (v *meshLines) ended() error { return nil }

// meshTable shows a live table of the members on a terminal.
type meshTable struct {
	a      *app
	member *tandem.MultipeerReplicator

	mu    sync.Mutex // guards the following
	lines int        // of the table as it is on the screen
	width int        // of the screen then
	news  []string   // the latest failures
	done  chan struct{}
	gone  chan struct{} // closed when the drawing has ended
}

const (
	tableEvery = 500 * time.Millisecond
	mostNews   = 3
)

func newMeshTable(a *app, member *tandem.MultipeerReplicator) *meshTable {
	return &meshTable{a: a, member: member, done: make(chan struct{}), gone: make(chan struct{})}
}

func (v *meshTable) begun() error {
	go func() {
		defer close(v.gone)
		ticker := time.NewTicker(tableEvery)
		defer ticker.Stop()
		for {
			v.draw()
			select {
			case <-v.done:
				return
			case <-ticker.C:
			}
		}
	}()
	return nil
}

func (v *meshTable) peer(tandem.PeerInfo)          {}
func (v *meshTable) status(tandem.MultipeerStatus) {}

func (v *meshTable) documents(r tandem.PeerDocumentReplication) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range r.Documents {
		if d.Err != nil && !d.Transient {
			v.news = append(v.news, printable(fmt.Sprintf("%s: %v", d.ID, d.Err)))
			v.news = v.news[max(0, len(v.news)-mostNews):]
		}
	}
}

func (v *meshTable) invitation(i tandem.InvitationInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if line := invitationLine(i); line != "" {
		v.news = append(v.news, printable(line))
		v.news = v.news[max(0, len(v.news)-mostNews):]
	}
}

func (v *meshTable) ended() error {
	close(v.done)
	<-v.gone
	return nil
}

// draw writes the table over the one before.
func (v *meshTable) draw() {
	text := v.text()
	v.mu.Lock()
	defer v.mu.Unlock()
	var out bytes.Buffer
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < 20 {
		width, height = 80, 24
	}
	switch {
	case v.lines > 0 && width != v.width: // the terminal may have broken the lines anew
		out.WriteString("\x1b[H\x1b[2J")
	case v.lines > 0:
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", v.lines)
	}
	v.width = width
	rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	rows = rows[:min(len(rows), max(1, height-1))]
	for _, row := range rows {
		if runes := []rune(row); len(runes) >= width {
			row = string(runes[:width-1])
		}
		fmt.Fprintln(&out, row)
	}
	v.lines = len(rows)
	_, _ = v.a.out.Write(out.Bytes())
	_ = v.a.out.Flush() // a screen that has gone ends the command
}

func (v *meshTable) text() string {
	var out bytes.Buffer
	s := v.member.Status()
	fmt.Fprintf(&out, "%s at %s: %s, %s, %d online; in %d, out %d\n", v.member.PeerID().String()[:11],
		strings.Join(v.member.Addresses(), " "), s.Activity, count(s.Neighbors, "neighbour"), s.Online,
		s.Progress.Pull.Documents, s.Progress.Push.Documents)
	peers := v.member.Peers()
	slices.SortStableFunc(peers, func(a, b tandem.PeerInfo) int { return standing(b) - standing(a) })
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "MEMBER\tSTATE\tLINKS\tIN\tOUT\tPENDING\tLAST SEEN\tREMARK")
	for _, p := range peers {
		in, up := p.Status.Progress.Pull, p.Status.Progress.Push
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", meshName(p), meshState(p), len(p.Neighbors), in.Documents, up.Documents,
			in.Total-min(in.Total, in.Completed)+up.Total-min(up.Total, up.Completed), lastSeen(p), oneLine(p.Trouble))
	}
	_ = table.Flush() // into memory
	if s.WrongProofs > 0 {
		fmt.Fprintf(&out, "devices that have tried to join with a wrong code: %d\n", s.WrongProofs)
	}
	for _, p := range peers {
		if len(p.Unshared) > 0 {
			fmt.Fprintln(&out, unsharedLine(p))
		}
	}
	if s.Warning != "" {
		fmt.Fprintln(&out, certificateWarning(s.Warning))
	}
	for address, why := range v.member.Troubles() {
		fmt.Fprintf(&out, "%s does not lead to a member: %s\n", address, oneLine(why))
	}
	if s.Err != nil {
		fmt.Fprintln(&out, oneLine(s.Err.Error()))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, line := range v.news {
		fmt.Fprintln(&out, line)
	}
	return out.String()
}

// standing orders members: neighbours, those online, the others.
func standing(p tandem.PeerInfo) int {
	switch {
	case p.Neighbor:
		return 2
	case p.Online:
		return 1
	}
	return 0
}

func meshState(p tandem.PeerInfo) string {
	switch {
	case p.Neighbor && p.Dialled:
		return p.Status.Activity.String() + " →"
	case p.Neighbor:
		return p.Status.Activity.String() + " ←"
	case p.Online:
		return "by others"
	}
	return "offline"
}

func lastSeen(p tandem.PeerInfo) string {
	switch {
	case p.Neighbor:
		return "now"
	case p.LastSeen.IsZero():
		return "-"
	}
	return seconds(time.Since(p.LastSeen)) + " ago"
}
