package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// tampering reads a node's resources and changes one of them.
type tampering struct {
	url  string
	path string
}

func (s *tampering) read(path string) ([]byte, error) {
	body, err := peer.GetOK(s.url + "/" + path)
	if err == nil && path == s.path {
		body[len(body)-1] ^= 1
	}
	return body, err
}

func (s *tampering) ReadCheckpoint(context.Context) ([]byte, error) { return s.read("checkpoint") }

func (s *tampering) ReadTile(_ context.Context, level, index uint64, width uint8) ([]byte, error) {
	return s.read(layout.TilePath(level, index, width))
}

func (s *tampering) ReadEntryBundle(_ context.Context, index uint64, width uint8) ([]byte, error) {
	return s.read(layout.EntriesPath(index, width))
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// Tessera's program for logs in files asks a Witan witness, and publishes what that cosigned: each
// run is another process that begins without knowing where the witness stands.
func TestTesseraFeedsWitness(t *testing.T) {
	t.Parallel()
	w := startWitness(t, "witness.example/tessera")
	feedByTessera(t, w, w.URL)
}

// The same for a witness that a node serves below a path.
func TestTesseraFeedsWitnessInNode(t *testing.T) {
	t.Parallel()
	n := makeNode(t, nodeOrigin)
	w, err := peer.MakeWitness(witan, n.Dir, "witness.example/in-node")
	must(t, err)
	must(t, n.Configure("witan.toml", "[witness]\ndir = \"witness\"\n"))
	must(t, n.Start())
	feedByTessera(t, w, n.URL+"/witness")
}

func feedByTessera(t *testing.T, w *peer.Witan, url string) {
	t.Helper()
	log := newGoLog(t, "log.example/tessera")
	dir := folder(t)
	key := write(t, filepath.Join(dir, "key"), log.skey)
	text := policyText(log.vkey, [3]string{"witan", w.VKey, url})
	policyFile := write(t, filepath.Join(dir, "policy"), text)
	policy, err := torchwood.ParsePolicy([]byte(text))
	must(t, err)
	storage := filepath.Join(dir, "log")
	entries := 0
	run := func(count int) (string, error) {
		in, err := os.MkdirTemp(dir, "entries")
		must(t, err)
		for range count {
			entries++
			write(t, fmt.Sprintf("%s/%04d", in, entries), fmt.Sprintf("entry %d", entries))
		}
		return peer.Run(tool("posix-oneshot"), "-storage_dir", storage, "-private_key", key,
			"-witness_policy_file", policyFile, "-witness_timeout", "5s", "-entries", in+"/*")
	}
	if _, err := run(1); err == nil {
		t.Error("Tessera publishes what a witness without that log cannot have cosigned")
	}
	entries = 0 // it gave up at the empty checkpoint, before it added any
	addLog(t, w, log.vkey, log.signer.Name())
	for _, count := range []int{1, 3, 300, 1} {
		printed, err := run(count)
		must(t, err)
		signed, err := os.ReadFile(filepath.Join(storage, "checkpoint"))
		must(t, err)
		checkpoint, opened, err := torchwood.VerifyCheckpoint(signed, policy)
		if err != nil || checkpoint.N != int64(entries) || len(opened.Sigs) != 2 {
			t.Fatalf("not size %d, cosigned: %v\n%s\nTessera printed:\n%s", entries, err, signed, printed)
		}
	}
	listed, err := w.Verb("witness", "list", "--json")
	must(t, err)
	if !contains(listed, fmt.Sprintf(`"size": %d`, entries)) {
		t.Errorf("the witness does not say that it is at size %d:\n%s", entries, listed)
	}
}
