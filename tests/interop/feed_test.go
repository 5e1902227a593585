package interop

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

// awaitFed waits until the witness serves a checkpoint of this size, and checks what it serves.
func awaitFed(t *testing.T, w *peer.Witan, policy torchwood.Policy, origin string, size int64) {
	t.Helper()
	url := fmt.Sprintf("%s/%x/checkpoint", w.URL, sha256.Sum256([]byte(origin)))
	await(t, fmt.Sprintf("%s cosigned at size %d", origin, size), func() bool {
		signed, err := peer.GetOK(url)
		if err != nil {
			return false
		}
		checkpoint, _, err := torchwood.VerifyCheckpoint(signed, policy)
		if err != nil {
			t.Fatalf("torchwood refuses what the witness serves: %v\n%s", err, signed)
		}
		return checkpoint.N == size
	})
}

// A log of Tessera's that asks nobody is read by a Witan witness itself, tiles and all.
func TestWitnessReadsTesseraLog(t *testing.T) {
	t.Parallel()
	log := newGoLog(t, "log.example/read-tessera")
	dir := folder(t)
	key := write(t, filepath.Join(dir, "key"), log.skey)
	storage := filepath.Join(dir, "log")
	entries := 0
	grow := func(count int) {
		in, err := os.MkdirTemp(dir, "entries")
		must(t, err)
		for range count {
			entries++
			write(t, fmt.Sprintf("%s/%04d", in, entries), fmt.Sprintf("entry %d", entries))
		}
		_, err = peer.Run(tool("posix-oneshot"), "-storage_dir", storage, "-private_key", key,
			"-entries", in+"/*")
		must(t, err)
	}
	grow(5)
	server := httptest.NewServer(http.FileServer(http.Dir(storage)))
	t.Cleanup(server.Close)
	w := startWitness(t, "witness.example/reader")
	policy, err := torchwood.ParsePolicy([]byte(
		policyText(log.vkey, [3]string{"witan", w.VKey, w.URL})))
	must(t, err)
	_, err = w.Verb("witness", "add-log", log.vkey, "--url", server.URL, "--every", "1")
	must(t, err)
	awaitFed(t, w, policy, log.signer.Name(), 5)
	grow(300)
	awaitFed(t, w, policy, log.signer.Name(), 305)
}

// So is a checksum database, as x/mod serves it: its tiles have paths of their own, and its origin
// is not its key's name.
func TestWitnessReadsChecksumDatabase(t *testing.T) {
	t.Parallel()
	const origin = "go.sum database tree"
	log := newGoLog(t, "sums.example")
	modules := sumdb.NewTestServer(log.skey, func(path, version string) ([]byte, error) {
		return fmt.Appendf(nil, "%s %s h1:%x\n", path, version, sha256.Sum256([]byte(path+version))), nil
	})
	database := http.NewServeMux()
	for _, path := range sumdb.ServerPaths {
		database.Handle(path, sumdb.NewServer(modules))
	}
	server := httptest.NewServer(database)
	t.Cleanup(server.Close)
	size := int64(0)
	grow := func(count int) {
		for range count {
			size++
			_, err := peer.GetOK(fmt.Sprintf("%s/lookup/module.example/m%d@v1.0.0", server.URL, size))
			must(t, err)
		}
	}
	grow(3)
	w := startWitness(t, "witness.example/reader")
	verifier, err := torchwood.NewCosignatureVerifier(w.VKey)
	must(t, err)
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin),
		torchwood.SingleVerifierPolicy(verifier))
	_, err = w.Verb("witness", "add-log", log.vkey, "--origin", origin, "--url", server.URL,
		"--layout", "sumdb", "--every", "1")
	must(t, err)
	awaitFed(t, w, policy, origin, 3)
	grow(300)
	awaitFed(t, w, policy, origin, 303)
}
