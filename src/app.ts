// The house as a list: which domains there are, in the order in which they are opened, each over those before it. A domain
// is one folder and one line here; what it brings is in its `module.ts`.
import { accountsModule } from "./accounts/module.ts";
import { answerCacheModule } from "./answer-cache/module.ts";
import { drivers } from "./app/drivers.ts";
import { gatewayDrivers } from "./app/gateway-drivers.ts";
import { keepBodies } from "./app/keep-bodies.ts";
import { budgetsModule } from "./budgets/module.ts";
import { constitutionModule } from "./constitution/module.ts";
import { dbModule } from "./db/module.ts";
import { deliberationModule } from "./deliberation/module.ts";
import { depositoryModule } from "./depository/module.ts";
import { gatewayModule } from "./gateway/module.ts";
import { governanceModule } from "./governance/module.ts";
import { guardsModule } from "./guards/module.ts";
import { httpModule } from "./http/module.ts";
import { identityModule } from "./identity/module.ts";
import { ledgerModule } from "./ledger/module.ts";
import { modelsModule } from "./models/module.ts";
import { responsesModule } from "./responses/module.ts";
import { structuredOutputModule } from "./structured-output/module.ts";
import { telemetryModule } from "./telemetry/module.ts";

/** All modules; codes, operations, migrations, sweeps and recovery are folded from them. */
export const modules = [
  httpModule,
  dbModule,
  constitutionModule,
  drivers,
  identityModule,
  ledgerModule,
  governanceModule,
  budgetsModule,
  accountsModule,
  depositoryModule,
  guardsModule,
  structuredOutputModule,
  modelsModule,
  answerCacheModule,
  keepBodies,
  gatewayDrivers,
  gatewayModule,
  responsesModule,
  deliberationModule,
  telemetryModule,
] as const;
