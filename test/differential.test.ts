import { differential, half } from "./support/differential.ts";

differential(half(0));
