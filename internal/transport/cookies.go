package transport

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxCookies = 64
	maxCookie  = 4 << 10 // bytes of name and value
)

// Cookies keeps the cookies that peers set for one database. The zero value is empty and ready. It
// marshals to JSON and back, so that the caller can store it. It is safe for concurrent use.
type Cookies struct {
	mu   sync.Mutex
	kept []cookie
}

// cookie is one cookie in its stored form.
type cookie struct {
	Name    string    `json:"name"`
	Value   string    `json:"value"`
	Domain  string    `json:"domain"` // a host's name in lower case
	Below   bool      `json:"below"`  // valid for subdomains of Domain, too
	Path    string    `json:"path"`
	Secure  bool      `json:"secure"`           // sent only over TLS
	Expires time.Time `json:"expires,omitzero"` // zero means never
}

// MarshalJSON returns the cookies that have not expired.
func (c *Cookies) MarshalJSON() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireLocked()
	return json.Marshal(c.kept)
}

// UnmarshalJSON replaces the cookies by those that MarshalJSON returned.
func (c *Cookies) UnmarshalJSON(data []byte) error {
	var kept []cookie
	if err := json.Unmarshal(data, &kept); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = kept
	return nil
}

// header returns the Cookie header for a request, the longest paths first.
func (c *Cookies) header(to Endpoint, path string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expireLocked()
	var fit []cookie
	for _, k := range c.kept {
		if k.fits(strings.ToLower(to.Host()), path, to.Secure()) {
			fit = append(fit, k)
		}
	}
	slices.SortStableFunc(fit, func(a, b cookie) int { return len(b.Path) - len(a.Path) })
	var pairs []string
	for _, k := range fit {
		pairs = append(pairs, k.Name+"="+k.Value)
	}
	return strings.Join(pairs, "; ")
}

func (k cookie) fits(host, path string, secure bool) bool {
	named := host == k.Domain || k.Below && strings.HasSuffix(host, "."+k.Domain)
	below := path == k.Path || strings.HasPrefix(path, strings.TrimSuffix(k.Path, "/")+"/")
	return named && below && (secure || !k.Secure)
}

// take keeps the cookies that the response to a request for path sets.
func (c *Cookies) take(from Endpoint, path string, header http.Header, parents bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	res := http.Response{Header: header}
	for _, set := range res.Cookies() {
		k, ok := accept(set, strings.ToLower(from.Host()), path, parents)
		if !ok || len(k.Name)+len(k.Value) > maxCookie {
			continue
		}
		c.kept = slices.DeleteFunc(c.kept, func(old cookie) bool {
			return old.Name == k.Name && old.Domain == k.Domain && old.Path == k.Path
		})
		c.kept = append(c.kept, k)
	}
	c.expireLocked()
	if over := len(c.kept) - maxCookies; over > 0 {
		c.kept = slices.Delete(c.kept, 0, over) // the oldest go first
	}
}

// accept converts a cookie to its stored form. It reports false if host may not set cookies for the
// cookie's domain.
func accept(set *http.Cookie, host, path string, parents bool) (cookie, bool) {
	k := cookie{Name: set.Name, Value: set.Value, Domain: host, Path: set.Path, Secure: set.Secure, Expires: set.Expires}
	if domain := strings.ToLower(strings.TrimPrefix(set.Domain, ".")); domain != "" {
		k.Domain, k.Below = domain, true
		if domain != host && !(parents && isParent(domain, host)) {
			return k, false
		}
	}
	if !strings.HasPrefix(k.Path, "/") {
		k.Path = path[:max(strings.LastIndexByte(path, '/'), 1)]
	}
	switch {
	case set.MaxAge > 0:
		k.Expires = time.Now().Add(time.Duration(set.MaxAge) * time.Second)
	case set.MaxAge < 0:
		k.Expires = time.Unix(1, 0)
	}
	return k, true
}

// isParent reports whether domain is a parent of host. A top-level domain does not count, and
// addresses have no parent.
func isParent(domain, host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && strings.Contains(domain, ".") && strings.HasSuffix(host, "."+domain)
}

func (c *Cookies) expireLocked() {
	now := time.Now()
	c.kept = slices.DeleteFunc(c.kept, func(k cookie) bool {
		return !k.Expires.IsZero() && !k.Expires.After(now)
	})
}
