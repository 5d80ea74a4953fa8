/** A Nest application that does nothing, with the packages that the runner has: what its start is held against. */
import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ApiProperty } from '@nestjs/swagger';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { PrometheusModule } from '@willsoto/nestjs-prometheus';
import { IsString } from 'class-validator';
import 'jose';
import 'rxjs';
import 'tar-stream';

/** Here for its decorators: they load the validator, and what describes an API. */
export class Body {
  @ApiProperty()
  @IsString()
  prompt!: string;
}

@Controller('health/ready')
class HealthController {
  constructor(private readonly health: HealthCheckService) {}

  @Get()
  ready() {
    return this.health.check([]);
  }
}

@Module({
  imports: [TerminusModule.forRoot({ logger: false }), PrometheusModule.register()],
  controllers: [HealthController],
})
class BareModule {}

const app = await NestFactory.create(BareModule, { logger: false });
await app.listen(0, '127.0.0.1');
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
