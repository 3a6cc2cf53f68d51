package rest

import (
	"net/http"
	"strings"
)

// Routes returns the method and pattern of each row of the table.
func Routes() (all [][2]string) {
	for _, row := range routes() {
		all = append(all, [2]string{row.method, row.pattern})
	}
	return all
}

// PatternOf returns the pattern of the route that answers a request.
func PatternOf(method, url string) string {
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		return err.Error()
	}
	found, err := newRouter(routes()).find(r)
	if err != nil {
		return err.Error()
	}
	return "/" + strings.Join(found.segments, "/")
}
