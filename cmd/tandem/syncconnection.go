package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// connectionFlags are the flags of tandem sync about the connection.
type connectionFlags struct {
	proxy          string
	headers        []string
	networkAddress string
	heartbeat      time.Duration
}

func (f *connectionFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.proxy, "proxy", "",
		"`URL` of an HTTP proxy, http://host:port, or none (default $HTTPS_PROXY for wss, $HTTP_PROXY for ws)")
	flags.StringArrayVar(&f.headers, "header", nil,
		"`Name: value` to add to the request; repeatable; @FILE takes it from the first line of a file")
	flags.StringVar(&f.networkAddress, "interface", "", "IP `address` or name of the network interface to connect from")
	flags.DurationVar(&f.heartbeat, "heartbeat", 0, "silence after which the peer is asked whether it is there, such as 30s (default 5m)")
	before(c, func() error {
		if c.Flags().Changed("heartbeat") && f.heartbeat <= 0 {
			return usage("--heartbeat %s: want a time above 0, such as 30s", f.heartbeat)
		}
		return nil
	})
}

func (f *connectionFlags) configure(a *app, cfg *tandem.ReplicatorConfiguration) (err error) {
	cfg.NetworkInterface, cfg.Heartbeat = f.networkAddress, f.heartbeat
	if cfg.Proxy, err = f.proxyURL(); err != nil {
		return err
	}
	cfg.Headers = make(http.Header)
	for _, text := range f.headers {
		if text, err = a.orFromFile(text); err != nil {
			return err
		}
		name, value, ok := strings.Cut(text, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" || value == "" {
			return usage("--header wants Name: value, or @FILE with that in its first line")
		}
		if isOfHandshake(http.CanonicalHeaderKey(name)) {
			return usage("--header %s: the handshake needs a value of its own", name)
		}
		cfg.Headers.Add(name, value)
	}
	return nil
}

// isOfHandshake reports whether the library reserves a header for the handshake.
func isOfHandshake(name string) bool {
	return strings.HasPrefix(name, "Sec-Websocket-") ||
		slices.Contains([]string{"Upgrade", "Connection", "Content-Length", "Transfer-Encoding"}, name)
}

// proxyURL returns the proxy of the flag: nil without the flag, an empty URL for "none".
func (f *connectionFlags) proxyURL() (*url.URL, error) {
	switch f.proxy {
	case "":
		return nil, nil //nolint:nilnil // the environment decides
	case "none":
		return new(url.URL), nil
	}
	u, err := url.Parse(f.proxy)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, usage("--proxy wants http://host:port or none")
	}
	if _, secret := u.User.Password(); secret {
		return nil, usageError{
			text: "--proxy with a password: others see the command lines of a machine",
			hint: "give the URL with the password in the environment variable HTTPS_PROXY, or HTTP_PROXY for ws",
		}
	}
	return u, nil
}

// orFromFile returns a text or, for @FILE, the first line of the file.
func (a *app) orFromFile(text string) (string, error) {
	file, ok := strings.CutPrefix(text, "@")
	if !ok {
		return text, nil
	}
	return a.firstLine(file)
}
