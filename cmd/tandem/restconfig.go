package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/plainjson"
	"github.com/tandemdb/tandem/rest"
)

// restConfig is the file of --config: the part of Edge Server's that serve knows, and names of its own
// at the end. A key that is not here is refused by name, since leaving out a setting may open a door.
type restConfig struct {
	Schema       string                    `json:"$schema"`
	Databases    map[string]configDatabase `json:"databases"`
	Interface    string                    `json:"interface"`
	HTTPS        *configHTTPS              `json:"https"`
	Users        string                    `json:"users"`
	Anonymous    bool                      `json:"enable_anonymous_users"`
	Access       *bool                     `json:"enable_user_access_control"`
	CORS         *configCORS               `json:"cors"`
	Replications []configReplication       `json:"replications"`
	Logging      *configLogging            `json:"logging"`
	Targets      []string                  `json:"replication_targets"`

	folder string // of the file, which its paths are relative to
}

type configDatabase struct {
	Path         string                 `json:"path"`
	Create       bool                   `json:"create"`
	Collections  []string               `json:"collections"`
	ClientSync   *bool                  `json:"enable_client_sync"`
	ClientWrites bool                   `json:"enable_client_writes"`
	AdHocQueries bool                   `json:"enable_adhoc_queries"`
	Queries      map[string]configQuery `json:"queries"`
	Password     string                 `json:"password"`
}

// configQuery is a text, or an object with the text and the collections that it may read for everybody.
type configQuery struct {
	Query  string   `json:"query"`
	Grants []string `json:"grants"`
}

type configHTTPS struct {
	Certificate string `json:"tls_cert_path"`
	Key         string `json:"tls_key_path"`
	Clients     string `json:"client_cert_path"`
}

type configCORS struct {
	Origins      []string `json:"origin"`
	LoginOrigins []string `json:"login_origin"`
	Headers      []string `json:"headers"`
	MaxAge       int      `json:"max_age"` // seconds
}

// configLogging is about the audit log alone: what else is logged goes to standard error.
type configLogging struct {
	Audit *configAudit `json:"audit"`
}

type configAudit struct {
	File            string `json:"file"`
	Enable          []int  `json:"enable"`
	Disable         []int  `json:"disable"`
	OmitDescription bool   `json:"omit_description"`
}

// configReplication is a replication whose certificates and keys are files.
type configReplication struct{ rest.Replication }

// UnmarshalJSON implements [json.Unmarshaler].
func (q *configQuery) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &q.Query) == nil {
		return nil
	}
	type plain configQuery
	return plainjson.Decode(text, (*plain)(q))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *configReplication) UnmarshalJSON(text []byte) error {
	return plainjson.Decode(text, &r.Replication)
}

// readRestConfig reads the file of --config.
func readRestConfig(file string) (*restConfig, error) {
	text, err := readSmall(file)
	if err != nil {
		return nil, err
	}
	plain, err := withoutMark(string(text))
	c := &restConfig{folder: filepath.Dir(file)}
	var parsed []byte
	if err == nil {
		parsed, err = fromJSON5(plain)
	}
	if err == nil {
		err = plainjson.Decode(parsed, c)
	}
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, usageError{text: fmt.Sprintf("read configuration from %s: %v", file, err), hint: cmp.Or(hintOf(err), configHint(err))}
	}
	c.Interface = cmp.Or(c.Interface, restDefault)
	return c, nil
}

// configHint lists what there is, for a key that there is not.
func configHint(err error) string {
	if !strings.Contains(err.Error(), "unknown field") {
		return "docs/rest.md describes the file"
	}
	return "the keys are " + strings.Join(keysOf(reflect.TypeFor[restConfig]()), ", ") +
		"; of a database " + strings.Join(keysOf(reflect.TypeFor[configDatabase]()), ", ")
}

func keysOf(t reflect.Type) (keys []string) {
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("json"); key != "" && key != "$schema" {
			keys = append(keys, key)
		}
	}
	return keys
}

func (c *restConfig) check() error {
	switch {
	case len(c.Databases) == 0:
		return errors.New("databases: there is none")
	case c.Users == "" && !c.Anonymous:
		return withHint(errors.New("users: nobody may log in"), "name a users file, or set enable_anonymous_users")
	case c.HTTPS != nil && (c.HTTPS.Certificate == "" || c.HTTPS.Key == ""):
		return errors.New("https: tls_cert_path and tls_key_path are needed")
	}
	if c.Logging != nil && c.Logging.Audit != nil && c.Logging.Audit.File == "" {
		return errors.New("logging: audit: file is missing")
	}
	for name, db := range c.Databases {
		if db.Path == "" {
			return fmt.Errorf("databases: %s: path is missing", name)
		}
		if db.ClientSync != nil && !*db.ClientSync && c.syncs() {
			return fmt.Errorf("databases: %s: enable_client_sync has to be the same for all", name)
		}
	}
	return nil
}

// syncs reports whether peers may sync by the port.
func (c *restConfig) syncs() bool {
	for _, db := range c.Databases {
		if db.ClientSync == nil || *db.ClientSync {
			return true
		}
	}
	return false
}

// in returns the path of a file that the configuration names.
func (c *restConfig) in(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.folder, path)
}

// wanted returns the databases to open, by their names.
func (c *restConfig) wanted() (all []wantedDatabase, err error) {
	for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
		db := c.Databases[name]
		o := tandem.Options{MustExist: !db.Create}
		if db.Password != "" {
			if o.EncryptionKey, err = tandem.NewPassphraseKey(db.Password); err != nil {
				return nil, err
			}
		}
		all = append(all, wantedDatabase{path: c.in(db.Path), options: o})
	}
	return all, nil
}

// namesOf returns the names that the file gives to the databases of wanted; nil without a file.
func (c *restConfig) namesOf(dbs []*tandem.Database) map[*tandem.Database]string {
	if c == nil {
		return nil
	}
	names := make(map[*tandem.Database]string)
	for i, name := range slices.Sorted(maps.Keys(c.Databases)) {
		names[dbs[i]] = name
	}
	return names
}

// createCollections creates the collections that the file names and the databases lack.
func (c *restConfig) createCollections(ctx context.Context, dbs []*tandem.Database) error {
	for i, name := range slices.Sorted(maps.Keys(c.Databases)) {
		for _, full := range c.Databases[name].Collections {
			if _, _, err := ensureCollection(ctx, dbs[i], full); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply sets what the file says in the configuration of a handler, whose databases are those of wanted.
func (c *restConfig) apply(s *restServer, cfg *rest.Configuration) error {
	for i, name := range slices.Sorted(maps.Keys(c.Databases)) {
		db, from := &cfg.Databases[i], c.Databases[name]
		db.Name, db.ClientWrites, db.AdHocQueries = name, from.ClientWrites, from.AdHocQueries
		db.Queries = map[string]rest.NamedQuery{}
		for query, q := range from.Queries {
			db.Queries[query] = rest.NamedQuery{Text: q.Query, Grants: q.Grants}
		}
	}
	cfg.Anonymous, cfg.ReplicationTargets = c.Anonymous, c.Targets
	if !c.syncs() {
		cfg.Sync = nil
	}
	if c.HTTPS != nil && c.HTTPS.Clients != "" {
		roots, err := readCertificates(c.in(c.HTTPS.Clients))
		if err != nil {
			return err
		}
		cfg.ClientCertificates = &rest.ClientCertificates{Roots: roots}
	}
	if c.CORS != nil {
		cfg.CORS = rest.CORS{
			Origins: c.CORS.Origins, LoginOrigins: c.CORS.LoginOrigins, Headers: c.CORS.Headers,
			MaxAge: time.Duration(c.CORS.MaxAge) * time.Second,
		}
	}
	if c.Logging != nil && c.Logging.Audit != nil {
		audit := c.Logging.Audit
		file, err := os.OpenFile(c.in(audit.File), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		s.tidy = append(s.tidy, func() { _ = file.Close() })
		cfg.Audit = rest.Audit{Writer: file, Enable: audit.Enable, Disable: audit.Disable, OmitDescription: audit.OmitDescription}
	}
	for _, r := range c.Replications {
		if err := c.load(&r.Replication); err != nil {
			return err
		}
		cfg.Replications = append(cfg.Replications, r.Replication)
	}
	return nil
}

// load replaces the names of files by their content.
func (c *restConfig) load(r *rest.Replication) error {
	texts := []*string{&r.TrustedRoots, &r.PinnedCertificate}
	if r.Auth != nil {
		texts = append(texts, &r.Auth.ClientCertificate, (*string)(&r.Auth.ClientKey))
	}
	for _, text := range texts {
		if *text == "" || strings.HasPrefix(*text, "-----BEGIN") {
			continue
		}
		content, err := os.ReadFile(c.in(*text))
		if err != nil {
			return err
		}
		*text = string(content)
	}
	return nil
}

// identity reads the certificate and key of https.
func (c *restConfig) identity() (*tandem.TLSIdentity, error) {
	certificate, err := readSmall(c.in(c.HTTPS.Certificate))
	if err != nil {
		return nil, err
	}
	if c.HTTPS.Key == c.HTTPS.Certificate {
		return tandem.IdentityFromPEM(certificate, "")
	}
	key, err := readSmall(c.in(c.HTTPS.Key))
	if err != nil {
		return nil, err
	}
	return tandem.IdentityFromPEM(append(append(certificate, '\n'), key...), "")
}
