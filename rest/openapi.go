package rest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"slices"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of all endpoints, an OpenAPI 3.1 document in JSON, as GET
// /_openapi.json answers it.
func OpenAPI() []byte { return slices.Clone(openAPI) }

func openAPIRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_openapi.json", needs: nothing, do: getOpenAPI},
	}
}

func getOpenAPI(c *call) error {
	sum := sha256.Sum256(openAPI)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	header := c.w.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("ETag", tag)
	if c.r.Header.Get("If-None-Match") == tag {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return c.send(http.StatusOK, openAPI)
}
