package interop

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"witan.test/interop/peer"
)

// A Witan witness serves through litebastion, once that admits it: Tessera feeds it there, and it
// comes back by itself when the bastion was away.
func TestWitnessBehindLitebastion(t *testing.T) {
	t.Parallel()
	bastion, err := peer.StartLitebastion(tool("litebastion"), folder(t))
	must(t, err)
	showLogs(t, func() *peer.Process { return bastion.Process })
	t.Cleanup(func() { bastion.Stop() })
	w, err := peer.MakeWitness(witan, folder(t), "witness.example/bastion")
	must(t, err)
	_, port, _ := strings.Cut(bastion.Address, ":")
	must(t, w.Configure("witness.toml", fmt.Sprintf(
		"[[bastion]]\nurl = \"https://localhost:%s\"\nconnect = %q\nca = %q\n", port,
		bastion.Address, bastion.CA)))
	showLogs(t, func() *peer.Process { return w.Process })
	must(t, w.Start())
	t.Cleanup(func() { w.Stop() })
	hash, err := peer.KeyHash(filepath.Join(w.Dir, "bastion-key.pem"))
	must(t, err)
	url := bastion.URL + "/" + hash
	if got, err := peer.Get(url + "/healthz"); err != nil || got.Status != http.StatusBadGateway {
		t.Errorf("before it is admitted: %+v, %v", got, err)
	}
	must(t, bastion.Admit(hash))
	await(t, "the witness behind the bastion", func() bool {
		got, err := peer.Get(url + "/healthz")
		return err == nil && got.Status == http.StatusOK
	})
	feedByTessera(t, w, url)

	must(t, bastion.Admit())
	await(t, "a connection that the bastion ended", func() bool {
		got, err := peer.Get(url + "/healthz")
		return err == nil && got.Status == http.StatusBadGateway
	})
	must(t, bastion.Admit(hash))
	await(t, "the witness coming back", func() bool {
		got, err := peer.Get(url + "/healthz")
		return err == nil && got.Status == http.StatusOK
	})
}
