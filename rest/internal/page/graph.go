package page

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// The size of the picture of a mesh, in pixels of a narrow screen.
const (
	graphWidth, graphHeight = 360, 300
	graphRadius             = 105
	graphMost               = 40 // members; the table has the others
	graphLabel              = 12 // characters
)

// graphNode is a member at its place.
type graphNode struct {
	member meshMember
	x, y   float64
}

// Graph draws this member, those that are online or were met, and their links. Colours and shapes repeat
// what the table says in words.
func (m *databaseMesh) Graph() template.HTML {
	nodes := m.placed()
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg class="graph" role="img" aria-label="%s: %s, %s" viewBox="0 0 %d %d">`,
		template.HTMLEscapeString(m.Group), plural(len(nodes), "member", "members"), plural(len(m.links(nodes)), "link", "links"), graphWidth, graphHeight)
	for _, link := range m.links(nodes) {
		a, b := nodes[link[0]], nodes[link[1]]
		class := "link"
		if link[0] == 0 { // this member's own
			class = "link own"
		}
		fmt.Fprintf(&svg, `<line class="%s" x1="%.0f" y1="%.0f" x2="%.0f" y2="%.0f"/>`, class, a.x, a.y, b.x, b.y)
	}
	for i, node := range nodes {
		class, label := "away", node.member.Label()
		switch {
		case i == 0:
			class, label = "self", cmp.Or(m.Name, "this one")
		case node.member.Online:
			class = "online"
		}
		fmt.Fprintf(&svg, `<g class="%s"><circle cx="%.0f" cy="%.0f" r="9"><title>%s</title></circle><text x="%.0f" y="%.0f" text-anchor="middle">%s</text></g>`,
			class, node.x, node.y, template.HTMLEscapeString(label), node.x, node.y+labelOffset(node.y), template.HTMLEscapeString(cut(label, graphLabel)))
	}
	svg.WriteString("</svg>")
	return template.HTML(svg.String()) //nolint:gosec // every text is escaped
}

// labelOffset puts a label outside of the circle.
func labelOffset(y float64) float64 {
	if y < graphHeight/2 {
		return -15
	}
	return 23
}

// placed puts this member, and as many others as fit, on a circle, in the order of their IDs: who comes and
// goes moves nobody far.
func (m *databaseMesh) placed() []graphNode {
	others := slices.Clone(m.Members) // neighbours first
	others = others[:min(len(others), graphMost)]
	slices.SortFunc(others, func(a, b meshMember) int { return cmp.Compare(a.ID, b.ID) })
	all := append([]meshMember{{ID: m.ID, Online: true}}, others...)
	nodes := make([]graphNode, len(all))
	for i, member := range all {
		angle := 2*math.Pi*float64(i)/float64(len(all)) - math.Pi/2
		nodes[i] = graphNode{member, graphWidth/2 + graphRadius*1.3*math.Cos(angle), graphHeight/2 + graphRadius*math.Sin(angle)}
	}
	if len(nodes) == 1 {
		nodes[0].y = graphHeight / 2
	}
	return nodes
}

// links are those between members that are drawn, each once. This member's own are what it sees, the others
// what their ends say.
func (m *databaseMesh) links(nodes []graphNode) (all [][2]int) {
	at := map[string]int{}
	for i, node := range nodes {
		at[node.member.ID] = i
	}
	known := map[[2]int]bool{}
	add := func(a, b int) {
		if link := [2]int{min(a, b), max(a, b)}; a != b && !known[link] {
			known[link] = true
			all = append(all, link)
		}
	}
	for i, node := range nodes {
		if node.member.Neighbor {
			add(0, i)
		}
		for _, id := range node.member.Neighbors {
			if to, drawn := at[id]; drawn && to != 0 && i != 0 && node.member.Online {
				add(i, to)
			}
		}
	}
	slices.SortFunc(all, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	return all
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
