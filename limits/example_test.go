package limits_test

import (
	"fmt"

	"github.com/6dcca832/headroom/limits"
)

func Example() {
	policy, err := limits.Builtin("xima")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := policy.Match("POST", "https://acme.xima.cloud/rest/api/v1/agents/4711/click-to-dial")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Tenant, m.Class, m.Template)

	status, expected := policy.Status(509, "GET")
	fmt.Println(status.Name, status.Role, expected)
	fmt.Println(policy.Egress.Cap(100, 0)/1e9, "GB for 100 agents")
	// Output:
	// acme click_to_dial /rest/api/v1/agents/{extension}/click-to-dial
	// Bandwidth Limit Exceeded egress-cap true
	// 72 GB for 100 agents
}
