package commands

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/sim"
)

// What must hold of the proof's nights, and at their end.

// checkAccount: every listed recording is in one account, and what is missing has its reason.
func (p *proof) checkAccount(g *proofGroup, r *pulled) {
	p.Helper()
	if r == nil || r.code != exitDone && r.code != exitPartly || len(r.Tenants) != len(g.tenants) {
		p.Errorf("%s: %+v", g.name, r)
		return
	}
	complete := true
	for _, t := range r.Tenants {
		complete = complete && t.Complete
		if sum := t.AlreadyStored + t.Stored + t.Excused + len(t.Missing); t.Error == "" && sum != t.Listed {
			p.Errorf("%s: %d listed, %d accounted for: %+v", t.Tenant, t.Listed, sum, t)
		}
		for _, m := range t.Missing {
			if m.Why == "" {
				p.Errorf("%s: %s is missing without a reason", t.Tenant, m.Key)
			}
		}
	}
	if complete != (r.code == exitDone) {
		p.Errorf("%s: exit code %d, complete %v", g.name, r.code, complete)
	}
}

// checkEnd: after the nights without faults nothing is missing, but for the tenant whose cap leaves
// no room.
func (p *proof) checkEnd(results []*pulled) {
	p.Helper()
	for _, r := range results {
		for _, t := range r.Tenants {
			if p.special(t.Tenant, tightTenant) {
				if t.Error != "" || len(t.Missing) == 0 || !strings.Contains(t.Stopped, "egress cap") {
					p.Errorf("%s, whose cap leaves no room: %+v", t.Tenant, t)
				}
				for _, m := range t.Missing {
					if !strings.Contains(m.Why, "egress cap") {
						p.Errorf("%s: %s is missing: %s", t.Tenant, m.Key, m.Why)
					}
				}
				continue
			}
			if !t.Complete || t.Error != "" {
				p.Errorf("after the last night: %+v", t)
			}
		}
	}
}

// checkDisk: what is on the disk is whole, there once, and as the checksums beside it say; nothing
// else lies there.
func (p *proof) checkDisk() {
	p.Helper()
	for _, g := range p.groups {
		for _, tenant := range g.tenants {
			stored := p.storedFiles(tenant)
			n := 0
			for _, r := range p.vendor.Recordings(tenant, g.from.AddDate(0, 0, -2), g.clock.Now()) {
				size, ok := stored[r.RecordingKey]
				delete(stored, r.RecordingKey)
				due := !r.Start().Before(g.from) && r.Start().Before(g.to)
				if due && !ok && p.size.most == "" && !p.special(tenant, tightTenant) {
					p.Errorf("%s: %s is not on the disk", tenant, r.RecordingKey)
				}
				if ok && size != r.Size {
					p.Errorf("%s: %s has %d bytes, not %d", tenant, r.RecordingKey, size, r.Size)
				}
				if ok {
					n++
				}
			}
			for key := range stored {
				p.Errorf("%s: %s is on the disk and not at the vendor", tenant, key)
			}
			p.Logf("%s: %d recordings", tenant, n)
		}
	}
}

// storedFiles are a tenant's recordings on the disk with their sizes, each of which has its line in
// the checksums beside it.
func (p *proof) storedFiles(tenant string) map[string]int64 {
	p.Helper()
	stored, summed := map[string]int64{}, 0
	root := filepath.Join(p.dir, "calls", "tenant="+tenant)
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		base := filepath.Base(name)
		switch ending := filepath.Ext(base); {
		case base == "manifest-sha256.txt":
			summed += p.checkSums(filepath.Dir(name), string(data))
		case base == "manifest.jsonl", ending == ".json":
		case ending == ".wav":
			key := strings.TrimSuffix(base, ending)
			if _, twice := stored[key]; twice {
				p.Errorf("%s: %s is there twice", tenant, key)
			}
			stored[key] = int64(len(data))
		default:
			p.Errorf("%s was left behind", name)
		}
		return err
	})
	if err != nil {
		p.Error(err)
	}
	if summed != len(stored) {
		p.Errorf("%s: %d recordings, %d checksums", tenant, len(stored), summed)
	}
	return stored
}

// checkSums does what sha256sum -c does, and lets it do it where there is one.
func (p *proof) checkSums(dir, sums string) (lines int) {
	p.Helper()
	for line := range strings.Lines(sums) {
		lines++
		sum, file, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		data, err := os.ReadFile(filepath.Join(dir, file))
		if got := sha256.Sum256(data); err != nil || hex.EncodeToString(got[:]) != sum {
			p.Errorf("%s: %s does not hold (%v)", dir, line, err)
		}
	}
	if program, err := exec.LookPath("sha256sum"); err == nil && lines > 0 {
		cmd := exec.Command(program, "--check", "--strict", "--quiet", "manifest-sha256.txt")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			p.Errorf("sha256sum in %s: %v\n%s", dir, err, out)
		}
	}
	return lines
}

// checkVendor: by the vendor's own log, no request came too soon, and no recording was sent whole
// twice but the one that was under way when a process was killed.
func (p *proof) checkVendor() {
	p.Helper()
	requests, again, kills := 0, 0, 0
	for _, g := range p.groups {
		kills += len(g.kills)
		for _, tenant := range g.tenants {
			var audio []sim.Entry
			for _, e := range p.vendor.Log(tenant) {
				if e.Class == sim.ClassAudio {
					audio = append(audio, e)
				}
			}
			requests += len(audio)
			p.checkPace(g, tenant, audio)
			p.again[tenant] = p.checkOnce(g, tenant, audio)
			again += p.again[tenant]
		}
	}
	p.Logf("%d requests for audio, %d kills, %d recordings sent again", requests, kills, again)
}

func (p *proof) checkPace(g *proofGroup, tenant string, audio []sim.Entry) {
	p.Helper()
	counts := map[int]int{}
	var refused time.Time
	killed := 0 // times that a process was killed between two refusals for egress
	for i, e := range audio {
		counts[e.Status]++
		if e.Status == 509 {
			if !refused.IsZero() && killedBetween(g.kills, refused, e.Time) {
				killed++
			}
			refused = e.Time
		}
		if i == 0 {
			continue
		}
		if gap := e.Time.Sub(audio[i-1].Time); gap < p.size.interval {
			p.Errorf("%s: request %d came %v after the one before", tenant, i, gap)
		}
	}
	if p.special(tenant, refusedTenant) && counts[509] > 1 {
		// A process that was killed before the first answer's row was written could not tell the next.
		rows := p.logged(tenant, "509")
		p.Logf("%s: %d answers 509, %d rows of them, %d kills in between", tenant, counts[509], rows, killed)
		if rows > 1 || killed < counts[509]-rows {
			p.Errorf("%s: asked %d times though the cap was reached", tenant, counts[509])
		}
	}
	if !p.special(tenant, refusedTenant) && counts[509] > 0 {
		p.Errorf("%s: the cap was reached", tenant)
	}
	if counts[401] > 1 {
		p.Errorf("%s: asked %d times with a token that is not accepted", tenant, counts[401])
	}
}

// logged is how many rows of a status the log has of a tenant.
func (p *proof) logged(tenant, status string) (rows int) {
	p.Helper()
	for line := range strings.Lines(p.run(exitDone, "-q", "export", "--tenant", tenant)) {
		var row struct{ Status json.Number }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			p.Fatal(err)
		}
		if row.Status.String() == status {
			rows++
		}
	}
	return rows
}

// checkOnce counts recordings that were sent whole again.
func (p *proof) checkOnce(g *proofGroup, tenant string, audio []sim.Entry) (again int) {
	p.Helper()
	sizes := map[string]int64{}
	for _, r := range p.vendor.Recordings(tenant, g.from.AddDate(0, 0, -3), g.clock.Now()) {
		sizes[r.RecordingKey] = r.Size
	}
	last := map[string]int{} // where a recording was sent whole
	mislisted := 0
	for i, e := range audio {
		key := filepath.Base(e.Path)
		whole := e.Complete && (e.Status == 200 && e.Bytes == sizes[key] || e.Status == 206 || e.Status == 302)
		if !whole {
			continue
		}
		before, twice := last[key]
		last[key] = i
		if !twice {
			continue
		}
		again++
		end := g.clock.Now()
		if before+1 < len(audio) {
			end = audio[before+1].Time
		}
		switch {
		case killedBetween(g.kills, audio[before].Time, end), key == p.full:
		case p.special(tenant, mislistedTenant):
			mislisted++
		default:
			p.Errorf("%s: %s was sent whole again, and no process was killed meanwhile", tenant, key)
		}
	}
	if mislisted > 0 && mislisted > len(last)/4 {
		p.Errorf("%s: %d of %d recordings were sent twice", tenant, mislisted, len(last))
	}
	return again
}

func killedBetween(kills []proofKill, from, to time.Time) bool {
	for _, k := range kills {
		if !k.before.Before(from) && !k.after.After(to) {
			return true
		}
	}
	return false
}

// injected are the findings that the vendor's faults make; some are only one tenant's.
var injected = map[string]int{
	rules.RateLimited: -1, rules.NoAnswer: -1, rules.CutShort: -1, rules.PersistentError: -1,
	rules.UnexpectedStatus: -1,
	rules.Auth:             refreshedTenant, rules.EgressCap: refusedTenant, rules.EgressNear: tightTenant,
	rules.ListedNotDownloaded: tightTenant,
}

// checkAudit: the audit of the run is clean but for what was injected, which is nothing where there
// are no nights with faults.
func (p *proof) checkAudit() {
	p.Helper()
	out := p.run(exitDone, "-q", "audit", "--format", "json", "--fail-on", failOnNever)
	var audit struct {
		Tenants []struct {
			Tenant   string
			Requests int64
			Findings []struct {
				Rule, Detail string
				Count        int64
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &audit); err != nil {
		p.Fatalf("%v\n%s", err, out)
	}
	for _, t := range audit.Tenants {
		for _, f := range t.Findings {
			whose, ok := injected[f.Rule]
			if ok && (whose < 0 && p.size.nights > 0 || p.special(t.Tenant, whose)) {
				continue
			}
			if f.Rule == rules.DuplicateDownload && f.Count <= int64(p.again[t.Tenant]) {
				continue
			}
			if f.Rule == rules.ListedNotDownloaded && p.size.most != "" {
				continue // the time was over before all were fetched
			}
			p.Errorf("the audit of %s finds %s: %s", t.Tenant, f.Rule, f.Detail)
		}
	}
}

// checkCanaries: no token, signature, number or name is in a file, its name, the database, or what a
// process said.
func (p *proof) checkCanaries() {
	p.Helper()
	marks := append(sim.Canaries(), p.all...)
	look := func(where string, data []byte) {
		for _, mark := range marks {
			if bytes.Contains(data, []byte(mark)) {
				p.Errorf("%s holds %q", where, mark)
			}
		}
	}
	files := 0
	err := filepath.WalkDir(p.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		look("the name of a file", []byte(name))
		data, err := os.ReadFile(name)
		look(name, data)
		return err
	})
	if err != nil {
		p.Error(err)
	}
	look("what was said", p.said.Bytes())
	if files == 0 || p.said.Len() == 0 {
		p.Error("there is nothing to look at")
	}
}
