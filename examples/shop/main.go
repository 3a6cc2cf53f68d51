package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/tandemdb/tandem"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: shop URL FINGERPRINT")
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url, fingerprint string) error {
	db, err := tandem.Open(ctx, "goods", tandem.Options{}) // the folder goods.tandem
	if err != nil {
		return err
	}
	defer db.Close()
	goods, err := db.DefaultCollection(ctx)
	if err != nil {
		return err
	}
	if err := goods.Put(ctx, "butter", map[string]any{"grams": 250}); err != nil {
		return err
	}

	endpoint, err := tandem.NewURLEndpoint(url)
	if err != nil {
		return err
	}
	cfg := tandem.ReplicatorConfiguration{
		Endpoint:                endpoint,
		Authenticator:           tandem.BasicAuthenticator{Username: "ann", Password: os.Getenv("TANDEM_PASSWORD")},
		PinnedServerFingerprint: fingerprint,
	}
	cfg.AddCollection(goods)
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		return err
	}
	if err := replicator.Start(); err != nil {
		return err
	}
	if err := replicator.Wait(ctx); err != nil {
		return err
	}

	for doc, err := range goods.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Println(doc.ID(), string(doc.Body()))
	}
	return nil
}
