// Plan a fault with the typescript-fetch client of OpenAPI Generator.
//
// Each line of the output is an array of an operation, the type of its result, and some values of the result.

import * as api from "./control_client";
import { having } from "./having";

async function main(host: string): Promise<void> {
  // The server is the one that the document names.
  const faults = new api.FaultsApi();

  const newPlanned: api.NewFault = { operation: "get_user", status: 503, where: { email: "joey@example.com" } };
  const fault: api.Fault = having("transport", await faults.addFault({ host, newPlanned }));
  console.log(JSON.stringify(["add_fault", "Fault", [fault.operation, fault.status, fault.where]]));
  const planned: api.Faults = await faults.listFaults({ host });
  console.log(JSON.stringify(["list_faults", "Faults", planned.faults.map((one) => one.id)]));
}

const [host = ""] = process.argv.slice(2);
void main(host);
